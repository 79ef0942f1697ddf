/** The vocabulary of a model file: token texts, kinds, scores, and which tokens have a role. */
import { FormatError } from '../../core/errors.js';
import type { GgufFile } from '../gguf.js';
import { isByteTokenText } from './byte-tokens.js';
import { endExceptions, endTexts, type FimRole, fimKeys, fimTexts, shownTexts } from './known-tokens.js';

/** Token kinds in the file's numbering, `tokenizer.ggml.token_type`. */
export const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

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
  /** Kinds as the file has them, before tokens known by their text became control tokens. */
  readonly fileKinds: Uint8Array;
  /** Merge priority of each token, all 0 when the file has none. */
  readonly scores: Float32Array;
  readonly idOf: ReadonlyMap<string, number>;
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly unknownId: number | null;
  readonly separatorId: number | null;
  readonly endIds: ReadonlySet<number>;
  readonly fim: FimIds | null;
  /** Special tokens that take the white space before or after them with them. */
  readonly stripsLeft: ReadonlySet<number>;
  readonly stripsRight: ReadonlySet<number>;
  /** What was passed over, a sentence each. */
  readonly warnings: readonly string[];
}

/** Ids of tokens with a role, where a file does not say them, by tokenizer model. */
const usualIds: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  llama: { unknown: 0, bos: 1, eos: 2 },
  plamo2: { unknown: 0, bos: 1, eos: 2 },
  bert: { bos: 101, separator: 102, unknown: 100 },
  t5: { eos: 1, unknown: 2 },
};

/** Reads and checks the vocabulary. Throws FormatError. */
export function readVocabulary(gguf: GgufFile): Vocabulary {
  const texts = gguf.require('tokenizer.ggml.tokens', 'strings');
  if (texts.length === 0) throw vocabularyError(gguf, 'tokens', 'no tokens', 'at least one');
  const scores = new Float32Array(perToken(gguf, 'scores', texts.length) ?? texts.map(() => 0));
  const kinds = new Uint8Array(
    perToken(gguf, 'token_type', texts.length) ??
      texts.map((text) => (isByteTokenText(text) ? tokenKind.byte : tokenKind.normal)),
  );
  const idOf = idsByText(gguf, texts, kinds);
  checkBytes(gguf, texts, kinds);
  const fileKinds = kinds.slice();
  const warnings: string[] = [];
  const roles = new RoleReader(gguf, texts.length, warnings);
  const eosId = roles.id('eos', 'eos_token_id');
  const bosId = roles.id('bos', 'bos_token_id');
  const named = [eosId, roles.id('eot', 'eot_token_id'), roles.id('eom', 'eom_token_id')];
  const fimId = (role: FimRole): number | null => {
    const id =
      fimKeys[role].map((key) => roles.id(role, key)).find((known) => known !== null) ??
      fimTexts[role].map((text) => idOf.get(text)).find((known) => known !== undefined);
    if (id === undefined) return null;
    kinds[id] = tokenKind.control;
    return id;
  };
  const [prefix, suffix, middle] = (['prefix', 'suffix', 'middle'] as const).map(fimId);
  named.push(...(['padding', 'repository', 'file'] as const).map(fimId));
  const endIds = endTokens(texts, kinds, idOf, named);
  const special = (id: number) =>
    kinds[id] === tokenKind.control || kinds[id] === tokenKind.userDefined || kinds[id] === tokenKind.unknown;
  return {
    name: gguf.source.name,
    texts,
    kinds,
    fileKinds,
    scores,
    idOf,
    bosId,
    eosId,
    unknownId: roles.id('unknown', 'unknown_token_id'),
    separatorId: roles.id('separator', 'seperator_token_id'),
    endIds,
    fim: prefix == null || suffix == null || middle == null ? null : { prefix, suffix, middle },
    ...strips(gguf, idOf, special),
    warnings,
  };
}

function idsByText(gguf: GgufFile, texts: readonly string[], kinds: Uint8Array): Map<string, number> {
  const idOf = new Map<string, number>();
  for (let id = 0; id < texts.length; id++) {
    const text = texts[id]!;
    if (text === '') continue;
    const first = idOf.get(text);
    if (first === undefined) idOf.set(text, id);
    // Rows that only fill up the table may all be called the same.
    else if (kinds[id] !== tokenKind.unused) {
      throw vocabularyError(
        gguf,
        'tokens',
        `${JSON.stringify(text)} as token ${first} and as token ${id}`,
        'every text once',
      );
    }
  }
  return idOf;
}

/** Reads the ids of roles; one that is no token is passed over with a warning. */
class RoleReader {
  private readonly gguf: GgufFile;
  private readonly count: number;
  private readonly warnings: string[];
  private readonly usual: Readonly<Record<string, number>>;

  constructor(gguf: GgufFile, count: number, warnings: string[]) {
    this.gguf = gguf;
    this.count = count;
    this.warnings = warnings;
    this.usual = usualIds[gguf.require('tokenizer.ggml.model', 'string')] ?? {};
  }

  id(role: string, key: string): number | null {
    const id = this.gguf.optional(`tokenizer.ggml.${key}`, 'number', null);
    const usual = this.usual[role] ?? null;
    const fallback = usual !== null && usual < this.count ? usual : null;
    if (id === null) return fallback;
    if (Number.isInteger(id) && id >= 0 && id < this.count) return id;
    this.warnings.push(
      `${this.gguf.source.name}: metadata "tokenizer.ggml.${key}" is ${id}, which is no token of ${this.count}; it is passed over`,
    );
    return fallback;
  }
}

/** The tokens that end a generation; those known by their text become control tokens. */
function endTokens(
  texts: readonly string[],
  kinds: Uint8Array,
  idOf: ReadonlyMap<string, number>,
  named: readonly (number | null)[],
): ReadonlySet<number> {
  const ends = new Set<number>(named.filter((id) => id !== null));
  for (const text of endTexts) {
    const id = idOf.get(text);
    if (id === undefined) continue;
    ends.add(id);
    kinds[id] = tokenKind.control;
  }
  for (const text of shownTexts) {
    const id = idOf.get(text);
    if (id !== undefined) kinds[id] = tokenKind.userDefined;
  }
  const endTextsHere = new Set([...ends].map((id) => texts[id]!));
  for (const { token, with: others, plain } of endExceptions) {
    const id = idOf.get(token);
    if (id === undefined || !ends.has(id) || !others.every((text) => endTextsHere.has(text))) continue;
    ends.delete(id);
    kinds[id] = plain ? tokenKind.normal : tokenKind.userDefined;
  }
  return ends;
}

/** Where a folder says which tokens take white space with them. */
export const stripKeys = {
  left: 'waferflow.tokenizer.strips_left',
  right: 'waferflow.tokenizer.strips_right',
} as const;

/** Files do not say which tokens take white space with them: it goes by the model's name. */
function strips(
  gguf: GgufFile,
  idOf: ReadonlyMap<string, number>,
  special: (id: number) => boolean,
): Pick<Vocabulary, 'stripsLeft' | 'stripsRight'> {
  const said = (key: string) => new Set(Array.from(gguf.optional(key, 'numbers', [])));
  const stripsLeft = said(stripKeys.left);
  const stripsRight = said(stripKeys.right);
  if (stripsLeft.size + stripsRight.size > 0) return { stripsLeft, stripsRight };
  const name = gguf.optional('general.name', 'string', '').toLowerCase();
  const architecture = gguf.optional('general.architecture', 'string', '');
  const pre = gguf.optional('tokenizer.ggml.pre', 'string', '');
  const isSentencePiece = gguf.require('tokenizer.ggml.model', 'string') === 'llama';
  const masks = /jina-v2-(de|es|code)/.test(pre) || /nomic-bert-moe|jina-bert-v3/.test(architecture);
  const mask = idOf.get(masks ? '<mask>' : '[MASK]');
  if (mask !== undefined && (masks || name.includes('modern-bert') || architecture === 'modern-bert'))
    stripsLeft.add(mask);
  else if (/phi-?3/.test(name) || (architecture === 'phi3' && isSentencePiece)) {
    for (const id of idOf.values()) if (special(id)) stripsRight.add(id);
    for (const text of ['<unk>', '<s>', '<|endoftext|>']) stripsRight.delete(idOf.get(text) ?? -1);
  }
  return { stripsLeft, stripsRight };
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
  const bad = kinds.findIndex((kind, id) => kind === tokenKind.byte && !isByteTokenText(texts[id]!));
  if (bad >= 0) {
    throw vocabularyError(
      gguf,
      'tokens',
      `${JSON.stringify(texts[bad])} as byte token ${bad}`,
      'a text like <0x0A>',
    );
  }
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
