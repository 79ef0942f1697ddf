/** A folder's tokenizer.json in the words of GGUF, and in its own where GGUF has none. */
import { FormatError } from '../../core/errors.js';
import type { GgufInput } from '../gguf-writer.js';
import { isByteTokenText } from '../tokenizers/byte-tokens.js';
import { type HubTokenizer, hubKey } from '../tokenizers/hub-model.js';
import { normalizerOf, splitterOf } from '../tokenizers/pipeline.js';
import { metaSpace } from '../tokenizers/sentencepiece.js';
import { stripKeys, tokenKind } from '../tokenizers/vocabulary.js';
import { isJson, type Json } from './config.js';
import { preTokenizerName } from './pre-tokenizer-name.js';

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
}

export interface FolderTokenizer {
  readonly metadata: Readonly<Record<string, GgufInput>>;
  /** What other readers of GGUF will not know, a sentence. */
  readonly warning: string | null;
}

/** Largest vocabulary that is read; the largest of real models has some 300,000 tokens. */
const maxTokens = 4_000_000;

/** A tokenizer.json, for messages by its file. */
class TokenizerJson {
  readonly file: string;
  readonly model: Json;
  readonly normalizer: Json | null;
  readonly pre: Json | null;
  readonly post: Json | null;
  readonly added: readonly AddedToken[];

  constructor(json: Json, file: string) {
    this.file = file;
    const part = (key: string): Json | null => {
      const value = json[key] ?? null;
      if (value === null || isJson(value)) return value;
      throw this.wrong(key, value, 'an object');
    };
    this.model = part('model') ?? {};
    this.normalizer = part('normalizer');
    this.pre = part('pre_tokenizer');
    this.post = part('post_processor');
    const added = json.added_tokens ?? [];
    const isList =
      Array.isArray(added) && added.every((one) => isJson(one) && typeof one.content === 'string');
    if (!isList) throw this.wrong('added_tokens', added, 'a list of tokens');
    this.added = added as AddedToken[];
  }

  wrong(what: string, given: unknown, expected: string): FormatError {
    return new FormatError({
      what: `${this.file}: ${what}`,
      given: given === undefined ? 'nothing' : JSON.stringify(given).slice(0, 200),
      expected,
      todo: 'Fetch the folder again, or take a GGUF file of this model.',
    });
  }

  /** Texts with their ids, and scores where there are some. */
  *entries(): Generator<readonly [text: string, id: number, score: number]> {
    const { vocab } = this.model;
    if (Array.isArray(vocab)) {
      for (const [id, entry] of vocab.entries()) {
        const [text, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
        if (typeof text !== 'string' || typeof score !== 'number')
          throw this.wrong(`vocab, entry ${id}`, entry, 'a text and a score');
        yield [text, id, score];
      }
    } else if (isJson(vocab)) {
      for (const [text, id] of Object.entries(vocab)) {
        if (typeof id !== 'number') throw this.wrong(`token ${JSON.stringify(text)}`, id, 'an id');
        yield [text, id, 0];
      }
    } else throw this.wrong('model', this.model.type, 'a vocabulary');
  }

  /** Merges, each as two texts and a space. */
  merges(): string[] {
    const { merges } = this.model;
    if (!Array.isArray(merges)) throw this.wrong('merges', merges, 'a list');
    return merges.map((merge: unknown, i) => {
      if (typeof merge === 'string') return merge;
      if (Array.isArray(merge) && merge.length === 2) return merge.join(' ');
      throw this.wrong(`merge ${i}`, merge, 'two texts');
    });
  }

  /** The token for what has no other. */
  unknown(): number | null {
    const { unk_id: id, unk_token: text } = this.model;
    if (typeof id === 'number') return id;
    if (typeof text !== 'string') return null;
    const { vocab } = this.model;
    const known = isJson(vocab) ? vocab[text] : undefined;
    return typeof known === 'number'
      ? known
      : (this.added.find(({ content }) => content === text)?.id ?? null);
  }
}

/** Throws FormatError on a tokenizer that has components of no known kind. */
export function readTokenizer(json: Json, file: string, vocabSize: number): FolderTokenizer {
  const own = new TokenizerJson(json, file);
  const make = Object.hasOwn(kinds, String(own.model.type)) ? kinds[String(own.model.type)] : undefined;
  if (!make) throw own.wrong('model', own.model.type, Object.keys(kinds).join(', '));
  const { metadata, warning = null } = make(own, vocabSize);
  return {
    metadata: { ...frame(own), ...tokens(own, vocabSize), ...strips(own), ...metadata },
    warning: warning === null ? null : `${file}: ${warning}`,
  };
}

type Kind = (
  own: TokenizerJson,
  vocabSize: number,
) => Partial<FolderTokenizer> & Pick<FolderTokenizer, 'metadata'>;

const kinds: Readonly<Record<string, Kind>> = {
  BPE: (own, vocabSize) => {
    for (const key of ['continuing_subword_prefix', 'end_of_word_suffix'])
      if (own.model[key]) throw own.wrong(key, own.model[key], 'none');
    return own.model.byte_fallback === true ? plainPairs(own, vocabSize) : bytePairs(own);
  },
  Unigram: (own) => ({
    metadata: {
      'tokenizer.ggml.model': 't5',
      'tokenizer.ggml.add_space_prefix': JSON.stringify(own.pre ?? {}).includes('Metaspace'),
      'tokenizer.ggml.remove_extra_whitespaces': true,
      ...charsmapOf(own.normalizer),
      ...ownWords(own),
    },
  }),
  WordPiece: (own) => ({
    metadata: { 'tokenizer.ggml.model': 'bert', ...bertFlags(own.normalizer), ...ownWords(own) },
  }),
};

/** The pipeline as the file has it. */
function ownWords(own: TokenizerJson, isByteLevel = false): Record<string, GgufInput> {
  const { vocab: _, merges: __, ...model } = own.model;
  const settings: HubTokenizer = {
    normalizer: own.normalizer,
    pre_tokenizer: own.pre,
    model,
    ...(isByteLevel && { isByteLevel }),
  };
  // What is not known is refused here, before the weights are read.
  normalizerOf(own.normalizer, own.file);
  splitterOf(own.pre, own.file);
  return { [hubKey]: JSON.stringify(settings) };
}

/** Tokens with a letter for each byte. */
function bytePairs(own: TokenizerJson): ReturnType<Kind> {
  const merges = { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.merges': own.merges() };
  const name = preTokenizerName(own.pre, own.normalizer, own.model.ignore_merges === true);
  if (name !== null) return { metadata: { ...merges, 'tokenizer.ggml.pre': name } };
  const isByteLevel = /"ByteLevel"/.test(JSON.stringify([own.pre, own.normalizer]));
  return {
    metadata: { ...merges, 'tokenizer.ggml.pre': 'default', ...ownWords(own, isByteLevel) },
    warning: 'other readers of GGUF cut texts into other words than this pre_tokenizer does',
  };
}

/** Tokens of text, and of single bytes for the rest, as SentencePiece has them: pairs go by scores. */
function plainPairs(own: TokenizerJson, vocabSize: number): ReturnType<Kind> {
  const merges = own.merges();
  const scores = mergeScores(own, merges, sizeOf(own, vocabSize));
  const prefix = spacePrefix(own);
  const metadata = {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.add_space_prefix': prefix !== 'never',
    ...(scores && { 'tokenizer.ggml.scores': scores }),
  };
  if (scores && (prefix === 'always' || prefix === 'never')) return { metadata };
  return {
    metadata: { ...metadata, 'tokenizer.ggml.merges': merges, ...ownWords(own) },
    ...(prefix === null && {
      warning: 'other readers of GGUF cut texts into other words than this tokenizer does',
    }),
  };
}

/** Which texts begin with a space that is none of their own, `some`: as they begin; null where spaces are not all that is done. */
function spacePrefix({ normalizer, pre }: TokenizerJson): 'always' | 'some' | 'never' | null {
  const steps = listOf(
    normalizer?.type === 'Sequence' ? normalizer.normalizers : normalizer ? [normalizer] : [],
  );
  const isSpaces = (step: Json | undefined): boolean =>
    step?.type === 'Replace' &&
    isJson(step.pattern) &&
    step.pattern.String === ' ' &&
    step.content === metaSpace;
  const [first, second] = steps;
  // Once spaces are letters, nothing is left to split at.
  const splitsAtSpaces =
    pre === null || (pre.type === 'Split' && isJson(pre.pattern) && pre.pattern.String === ' ');
  if (splitsAtSpaces && steps.length === 1 && isSpaces(first)) return 'never';
  const prepends = first?.type === 'Prepend' && first.prepend === metaSpace;
  if (splitsAtSpaces && steps.length === 2 && prepends && isSpaces(second)) return 'always';
  const isMeta = pre?.type === 'Metaspace' && (pre.replacement ?? metaSpace) === metaSpace;
  if (steps.length > 0 || !isMeta || pre.split !== false) return null;
  const isNever = pre.prepend_scheme === 'never' || (!pre.prepend_scheme && pre.add_prefix_space === false);
  return isNever ? 'never' : 'some';
}

/** Scores that order pairs as the merges do; null where a token's merges lie apart. */
function mergeScores(own: TokenizerJson, merges: readonly string[], size: number): Float32Array | null {
  const idOf = new Map<string, number>();
  for (const [text, id] of own.entries()) idOf.set(text, id);
  const scores = new Float32Array(size).fill(-merges.length - 1);
  let last = -1;
  for (const [rank, merge] of merges.entries()) {
    const border = merge.indexOf(' ', 1);
    const id = idOf.get(merge.slice(0, border) + merge.slice(border + 1));
    if (id === undefined) return null;
    if (id !== last && scores[id]! > -merges.length - 1) return null;
    if (id !== last) scores[id] = -rank - 1;
    last = id;
  }
  for (const { id } of own.added) scores[id] = 0;
  return scores;
}

/** Rows of the embedding, and of tokens that were added past them. */
function sizeOf(own: TokenizerJson, vocabSize: number): number {
  let size = vocabSize;
  for (const { id } of own.added) size = Math.max(size, id + 1);
  if (size <= maxTokens) return size;
  throw own.wrong('added_tokens', size, `ids below ${maxTokens}`);
}

function tokens(own: TokenizerJson, vocabSize: number): Record<string, GgufInput> {
  const size = sizeOf(own, vocabSize);
  const texts = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const kindOf = new Int32Array(size).fill(tokenKind.unused);
  const scores = new Float32Array(size);
  const put = (text: string, id: number, kind: number): void => {
    if (!Number.isInteger(id) || id < 0 || id >= size)
      throw own.wrong(`token ${JSON.stringify(text)}`, id, `an id below ${size}`);
    texts[id] = text;
    kindOf[id] = kind;
  };
  const isPiece = own.model.type === 'WordPiece';
  const hasBytes = own.model.byte_fallback === true;
  for (const [text, id, score] of own.entries()) {
    put(
      isPiece ? pieceText(text, own) : text,
      id,
      hasBytes && isByteTokenText(text) ? tokenKind.byte : tokenKind.normal,
    );
    scores[id] = score;
  }
  for (const { content, id, special } of own.added)
    put(content, id, special ? tokenKind.control : tokenKind.userDefined);
  const unknown = own.unknown();
  if (unknown !== null) put(texts[unknown] ?? '', unknown, tokenKind.unknown);
  return {
    'tokenizer.ggml.tokens': texts,
    'tokenizer.ggml.token_type': kindOf,
    ...(own.model.type === 'Unigram' && { 'tokenizer.ggml.scores': scores }),
    ...(unknown !== null && { 'tokenizer.ggml.unknown_token_id': unknown }),
  };
}

/** In GGUF tokens that begin a word have a mark, where here those inside one do. */
function pieceText(text: string, { model }: TokenizerJson): string {
  const inside = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##';
  if (/^\[.*\]$/.test(text)) return text;
  return text.startsWith(inside) ? text.slice(inside.length) : metaSpace + text;
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

/** What a text is put between: ids of the first and the last special token. */
function frame({ post, model }: TokenizerJson): Record<string, GgufInput> {
  const { first, last } = frameOf(post);
  const isPiece = model.type === 'WordPiece';
  return {
    'tokenizer.ggml.add_bos_token': first !== undefined,
    'tokenizer.ggml.add_eos_token': last !== undefined,
    ...(typeof first === 'number' && { 'tokenizer.ggml.bos_token_id': first }),
    ...(typeof last === 'number' && { 'tokenizer.ggml.eos_token_id': last }),
    ...(isPiece && typeof last === 'number' && { 'tokenizer.ggml.seperator_token_id': last }),
  };
}

interface Frame {
  /** True where the id is not said. */
  readonly first?: number | true;
  readonly last?: number | true;
}

function frameOf(post: Json | null): Frame {
  if (post?.type === 'Sequence') return Object.assign({}, ...listOf(post.processors).map(frameOf)) as Frame;
  if (post?.type === 'BertProcessing' || post?.type === 'RobertaProcessing') {
    const idOf = (pair: unknown): number | true =>
      Array.isArray(pair) && typeof pair[1] === 'number' ? pair[1] : true;
    return { first: idOf(post.cls), last: idOf(post.sep) };
  }
  if (post?.type !== 'TemplateProcessing') return {};
  const single = listOf(post.single);
  const idOf = (entry: Json | undefined): number | true | undefined => {
    if (!isJson(entry?.SpecialToken)) return undefined;
    const named = isJson(post.special_tokens)
      ? post.special_tokens[String(entry.SpecialToken.id)]
      : undefined;
    const ids = isJson(named) ? named.ids : undefined;
    return Array.isArray(ids) && typeof ids[0] === 'number' ? ids[0] : true;
  };
  const [first, last] = [idOf(single[0]), single.length > 1 ? idOf(single.at(-1)) : undefined];
  return { ...(first !== undefined && { first }), ...(last !== undefined && { last }) };
}

/** Added tokens that take the white space beside them with them. */
function strips({ added }: TokenizerJson): Record<string, GgufInput> {
  const ids = (side: 'lstrip' | 'rstrip'): Int32Array =>
    Int32Array.from(added.filter((token) => token[side] === true).map(({ id }) => id));
  const [left, right] = [ids('lstrip'), ids('rstrip')];
  return {
    ...(left.length > 0 && { [stripKeys.left]: left }),
    ...(right.length > 0 && { [stripKeys.right]: right }),
  };
}

/** SentencePiece's map of characters, as bytes. */
function charsmapOf(normalizer: Json | null): Record<string, GgufInput> {
  if (normalizer?.type === 'Sequence')
    return Object.assign({}, ...listOf(normalizer.normalizers).map(charsmapOf)) as Record<string, GgufInput>;
  const map = normalizer?.type === 'Precompiled' ? normalizer.precompiled_charsmap : undefined;
  if (typeof map !== 'string' || map === '') return {};
  const bytes = Uint8Array.from(atob(map), (char) => char.charCodeAt(0));
  const stored = new Uint8Array(16 + bytes.length);
  // An array, of bytes, of so many.
  const view = new DataView(stored.buffer);
  view.setUint32(0, 9, true);
  view.setBigUint64(8, BigInt(bytes.length), true);
  stored.set(bytes, 16);
  return { 'tokenizer.ggml.precompiled_charsmap': { stored } };
}

function bertFlags(normalizer: Json | null): Record<string, GgufInput> {
  if (normalizer?.type !== 'BertNormalizer') return {};
  const lowercase = normalizer.lowercase !== false;
  return {
    'tokenizer.ggml.normalizer.lowercase': lowercase,
    'tokenizer.ggml.normalizer.strip_accents':
      typeof normalizer.strip_accents === 'boolean' ? normalizer.strip_accents : lowercase,
  };
}
