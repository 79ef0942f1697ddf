/** A folder's tokenizer.json and its companions in the words of GGUF. */
import { FormatError } from '../../core/errors.js';
import type { GgufInput } from '../gguf-writer.js';
import { preTokenizers } from '../tokenizers/pre-tokenizers.js';
import { tokenKind } from '../tokenizers/vocabulary.js';
import type { Json } from './config.js';

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
}

interface TokenizerJson {
  readonly added_tokens?: readonly AddedToken[];
  readonly normalizer?: Json | null;
  readonly pre_tokenizer?: Json | null;
  readonly post_processor?: Json | null;
  readonly model?: Json & {
    readonly vocab?: Readonly<Record<string, number>>;
    readonly merges?: readonly (string | readonly [string, string])[];
  };
}

/** Largest vocabulary that is read; the largest of real models has some 300,000 tokens. */
const maxTokens = 4_000_000;

function wrong(file: string, what: string, given: unknown, expected: string): FormatError {
  return new FormatError({
    what: `${file}: ${what}`,
    given: given === undefined ? 'nothing' : JSON.stringify(given).slice(0, 200),
    expected,
    todo: 'Take a GGUF file of this model.',
  });
}

/** Throws FormatError on a tokenizer that has no name in GGUF. */
export function tokenizerMetadata(json: unknown, file: string, vocabSize: number): Record<string, GgufInput> {
  const {
    model,
    added_tokens: added = [],
    normalizer,
    pre_tokenizer: pre,
    post_processor,
  } = json as TokenizerJson;
  const { vocab, merges } = model ?? {};
  if (model?.type !== 'BPE' || typeof vocab !== 'object' || !Array.isArray(merges))
    throw wrong(file, 'model', model?.type, '"BPE" with a vocabulary and merges');
  if (!Array.isArray(added)) throw wrong(file, 'added_tokens', added, 'a list');
  const size = Math.max(vocabSize, ...added.map(({ id }) => id + 1));
  if (!(size <= maxTokens)) throw wrong(file, 'added_tokens', size, `ids below ${maxTokens}`);
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const kinds = new Int32Array(size).fill(tokenKind.unused);
  const put = (text: string, id: number, kind: number): void => {
    if (!Number.isInteger(id) || id < 0 || id >= size)
      throw wrong(file, `token ${JSON.stringify(text)}`, id, `an id below ${size}`);
    tokens[id] = text;
    kinds[id] = kind;
  };
  for (const [text, id] of Object.entries(vocab)) put(text, id, tokenKind.normal);
  for (const { content, id, special } of added)
    put(content, id, special ? tokenKind.control : tokenKind.userDefined);
  const frame = templateOf(post_processor);
  return {
    'tokenizer.ggml.add_bos_token': frame[0]?.SpecialToken !== undefined,
    'tokenizer.ggml.add_eos_token': frame.length > 1 && frame.at(-1)?.SpecialToken !== undefined,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': preTokenizerName(pre, normalizer ?? null, model.ignore_merges === true, file),
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': kinds,
    'tokenizer.ggml.merges': merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
  };
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** What a text is put between, of a post-processor that says so. */
function templateOf(post: Json | null | undefined): readonly Json[] {
  if (post?.type === 'Sequence') return listOf(post.processors).flatMap(templateOf);
  return post?.type === 'TemplateProcessing' ? listOf(post.single) : [];
}

/** The patterns of a pre-tokeniser, one after the other; undefined where it does something else. */
function patternsOf(pre: Json | null | undefined): readonly string[] | undefined {
  if (pre?.type === 'Sequence') {
    const parts = listOf(pre.pretokenizers).map(patternsOf);
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  }
  if (pre?.type === 'Split' && pre.behavior === 'Isolated' && pre.invert !== true) {
    const regex = (pre.pattern as Json | undefined)?.Regex;
    return typeof regex === 'string' ? [regex] : undefined;
  }
  if (pre?.type === 'Digits' && pre.individual_digits === true) return ['\\p{N}'];
  if (pre?.type !== 'ByteLevel' || pre.add_prefix_space === true) return undefined;
  const gpt2 = preTokenizers.find(({ names }) => names.includes('gpt-2'))!;
  return pre.use_regex === false ? [] : gpt2.patterns;
}

/** Some write the cases of a contraction out, others ask for any. */
function plain(pattern: string): string {
  const anyCase = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
  return pattern.replaceAll("(?i:'s|'t|'re|'ve|'m|'ll|'d)", anyCase);
}

function preTokenizerName(
  pre: Json | null | undefined,
  normalizer: Json | null,
  whole: boolean,
  file: string,
): string {
  const patterns = patternsOf(pre)?.map(plain);
  const nfc = normalizer?.type === 'NFC';
  if (patterns === undefined || (normalizer !== null && !nfc))
    throw wrong(file, 'pre_tokenizer', { pre_tokenizer: pre, normalizer }, 'one that GGUF has a name for');
  for (const entry of preTokenizers) {
    if (entry.plainText || entry.patterns.map(plain).join('\n') !== patterns.join('\n')) continue;
    const name = entry.names.find(
      (each) =>
        (entry.nfc?.includes(each) ?? false) === nfc &&
        (entry.ignoreMerges?.includes(each) ?? false) === whole,
    );
    if (name !== undefined) return name;
  }
  throw wrong(file, 'pre_tokenizer', pre, 'one that GGUF has a name for');
}
