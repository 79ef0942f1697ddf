/** The vocabulary of a GGUF file: token texts, kinds, scores, and which tokens have a role. */
import { FormatError } from '../core/errors.js';
import type { GgufFile } from './gguf.js';

/** Token kinds in the file's numbering, `tokenizer.ggml.token_type`. */
export const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** End tokens that model files often forget to name or to mark as control tokens. */
const endTexts: ReadonlySet<string> = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<end_of_turn>',
  '<EOT>',
  '</s>',
]);

/** Texts of the fill-in-the-middle tokens, by family, where no metadata names them. */
const fimTexts: readonly (readonly [prefix: string, suffix: string, middle: string])[] = [
  ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
  ['<fim_prefix>', '<fim_suffix>', '<fim_middle>'],
  ['<fim-prefix>', '<fim-suffix>', '<fim-middle>'],
  ['▁<PRE>', '▁<SUF>', '▁<MID>'],
  ['<PRE>', '<SUF>', '<MID>'],
];

export interface FimIds {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
}

export interface Vocabulary {
  /** Where it came from, for messages. */
  readonly name: string;
  readonly texts: readonly string[];
  /** Kind of each token, a value of {@link tokenKind}. */
  readonly kinds: Uint8Array;
  /** Merge priority of each token, all 0 when the file has none. */
  readonly scores: Float32Array;
  readonly idOf: ReadonlyMap<string, number>;
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly unknownId: number | null;
  readonly endIds: ReadonlySet<number>;
  readonly fim: FimIds | null;
}

function isByteText(text: string): boolean {
  return /^<0x[0-9A-F]{2}>$/.test(text);
}

/** Reads and checks the vocabulary. Throws FormatError. */
export function readVocabulary(gguf: GgufFile): Vocabulary {
  const texts = gguf.require('tokenizer.ggml.tokens', 'strings');
  if (texts.length === 0) throw vocabularyError(gguf, 'tokens', 'no tokens', 'at least one');
  const scores = new Float32Array(perToken(gguf, 'scores', texts.length) ?? texts.map(() => 0));
  const idOf = new Map<string, number>();
  for (const [id, text] of texts.entries()) {
    if (text === '') continue;
    const first = idOf.get(text);
    if (first !== undefined) {
      throw vocabularyError(
        gguf,
        'tokens',
        `${JSON.stringify(text)} as token ${first} and as token ${id}`,
        'every text once',
      );
    }
    idOf.set(text, id);
  }
  const kinds = new Uint8Array(
    perToken(gguf, 'token_type', texts.length) ??
      texts.map((text) => (isByteText(text) ? tokenKind.byte : tokenKind.normal)),
  );
  checkBytes(gguf, texts, kinds);
  const idAt = (key: string) => specialId(gguf, key, texts.length);
  const isLlama = gguf.require('tokenizer.ggml.model', 'string') === 'llama';
  // SentencePiece models put these three first; older files leave that unsaid.
  const usual = (id: number) => (isLlama && id < texts.length ? id : null);
  const bosId = idAt('bos_token_id') ?? usual(1);
  const eosId = idAt('eos_token_id') ?? usual(2);
  const endIds = new Set<number>();
  for (const id of [bosId, eosId, idAt('eot_token_id'), idAt('eom_token_id')])
    if (id !== null) endIds.add(id);
  for (const text of endTexts) {
    const id = idOf.get(text);
    if (id === undefined) continue;
    endIds.add(id);
    kinds[id] = tokenKind.control;
  }
  const fim = readFim(idAt, idOf);
  for (const id of fim === null ? [] : [fim.prefix, fim.suffix, fim.middle]) kinds[id] = tokenKind.control;
  return {
    name: gguf.source.name,
    texts,
    kinds,
    scores,
    idOf,
    bosId,
    eosId,
    unknownId: idAt('unknown_token_id') ?? usual(0),
    endIds,
    fim,
  };
}

/** One number for each token, or undefined when the file has none. */
function perToken(gguf: GgufFile, key: string, count: number): ArrayLike<number> | undefined {
  const values = gguf.optional(`tokenizer.ggml.${key}`, 'numbers', undefined);
  if (values !== undefined && values.length !== count) {
    throw vocabularyError(gguf, key, `${values.length} entries`, `one for each of ${count} tokens`);
  }
  return values;
}

function checkBytes(gguf: GgufFile, texts: readonly string[], kinds: Uint8Array): void {
  const bad = kinds.findIndex((kind, id) => kind === tokenKind.byte && !isByteText(texts[id]!));
  if (bad >= 0) {
    throw vocabularyError(
      gguf,
      'tokens',
      `${JSON.stringify(texts[bad])} as byte token ${bad}`,
      'a text like <0x0A>',
    );
  }
}

function specialId(gguf: GgufFile, key: string, count: number): number | null {
  const id = gguf.optional(`tokenizer.ggml.${key}`, 'count', null);
  if (id === null || id < count) return id;
  throw vocabularyError(gguf, key, `${id}`, `a token below ${count}`);
}

function readFim(idAt: (key: string) => number | null, idOf: ReadonlyMap<string, number>): FimIds | null {
  const prefix = idAt('fim_pre_token_id') ?? idAt('prefix_token_id');
  const suffix = idAt('fim_suf_token_id') ?? idAt('suffix_token_id');
  const middle = idAt('fim_mid_token_id') ?? idAt('middle_token_id');
  if (prefix !== null && suffix !== null && middle !== null) return { prefix, suffix, middle };
  for (const texts of fimTexts) {
    const [pre, suf, mid] = texts.map((text) => idOf.get(text));
    if (pre !== undefined && suf !== undefined && mid !== undefined)
      return { prefix: pre, suffix: suf, middle: mid };
  }
  return null;
}

/** An error about `tokenizer.ggml.<key>`. */
export function vocabularyError(gguf: GgufFile, key: string, given: string, expected: string): FormatError {
  return new FormatError({
    what: `${gguf.source.name}: metadata "tokenizer.ggml.${key}"`,
    given,
    expected,
    todo: 'Convert the model again with a current converter.',
  });
}
