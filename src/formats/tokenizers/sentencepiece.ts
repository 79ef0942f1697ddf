/**
 * SentencePiece-style BPE as llama.cpp runs it for tokenizer model `llama`: the pair whose merged text is the token
 * with the best score goes first; what is no token in the end becomes byte tokens.
 */
import { byteTokenText } from './byte-tokens.js';
import { type MergeTable, mergeSymbols } from './merger.js';
import { PairTable } from './pair-table.js';
import { SymbolRow, Symbols } from './symbols.js';
import { tokenKind, type Vocabulary } from './vocabulary.js';
import { WordCache } from './word-cache.js';

/** What SentencePiece writes for a space. */
export const metaSpace = '\u2581';
const metaSpaceUnit = metaSpace.charCodeAt(0);
const newline = 10;

/** Pairs that are remembered; hostile text has far more than real text. */
const maxPairs = 1_000_000;

const utf8 = new TextEncoder();

export class SentencePiece implements MergeTable {
  private readonly idOf: ReadonlyMap<string, number>;
  private readonly symbols: Symbols;
  /** By token: its place in the order of merging. */
  private readonly order: Int32Array;
  /** By pair of symbols: 0 where they do not merge, else the token that they become, plus one. */
  private readonly pairs = new PairTable(16_384);
  /** The token of each byte, the unknown token where it is missing, -1 where that is missing too. */
  private readonly byteIds: readonly number[];
  /** UTF-16 units after which a space, and before or after which a newline, goes on with the same token. */
  private readonly beforeSpace = new Set<number>();
  private readonly beforeNewline = new Set<number>();
  private readonly afterNewline = new Set<number>();
  private readonly cache = new WordCache();
  private readonly row = new SymbolRow();

  constructor({ idOf, fileKinds, scores, texts, unknownId }: Vocabulary) {
    // Text never merges into a control token: that would let a prompt forge one.
    const merging = new Set<number>([tokenKind.normal, tokenKind.userDefined, tokenKind.unused]);
    this.idOf = new Map([...idOf].filter(([, id]) => merging.has(fileKinds[id]!)));
    this.symbols = new Symbols(this.idOf, texts);
    this.order = orderOf(scores);
    this.byteIds = Array.from({ length: 256 }, (_, byte) => idOf.get(byteTokenText(byte)) ?? unknownId ?? -1);
    for (const text of this.idOf.keys()) this.noteBorders(text);
  }

  private noteBorders(text: string): void {
    for (let at = text.indexOf(metaSpace, 1); at > 0; at = text.indexOf(metaSpace, at + 1))
      this.beforeSpace.add(text.charCodeAt(at - 1));
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      if (at > 0) this.beforeNewline.add(text.charCodeAt(at - 1));
      if (at + 1 < text.length) this.afterNewline.add(text.charCodeAt(at + 1));
    }
  }

  find(left: number, right: number): number {
    let known = this.pairs.get(left, right);
    if (known < 0) {
      const merged = this.idOf.get(this.symbols.textOf(left) + this.symbols.textOf(right));
      known = merged === undefined ? 0 : merged + 1;
      if (this.pairs.size >= maxPairs) this.pairs.clear();
      this.pairs.add(left, right, known);
    }
    return known - 1;
  }

  rankOf(merged: number): number {
    return this.order[merged]!;
  }

  resultOf(merged: number): number {
    return merged;
  }

  /** Appends the ids of `text`, in which spaces already are {@link metaSpace}. */
  encode(text: string, ids: number[]): void {
    // No token reaches across a border, so what stands between two borders can be merged alone, and once.
    let start = 0;
    for (let at = 1; at <= text.length; at++) {
      if (at < text.length && !this.isBorder(text.charCodeAt(at - 1), text.charCodeAt(at))) continue;
      const word = text.slice(start, at);
      let known = this.cache.get(word);
      if (known === undefined) {
        known = this.encodeWord(word);
        this.cache.set(word, known);
      }
      for (const id of known) ids.push(id);
      start = at;
    }
  }

  private isBorder(before: number, after: number): boolean {
    if (after === metaSpaceUnit) return !this.beforeSpace.has(before);
    if (after === newline) return !this.beforeNewline.has(before);
    return before === newline && !this.afterNewline.has(after);
  }

  private encodeWord(word: string): readonly number[] {
    const row = this.row.reserve(word.length);
    let count = 0;
    for (const char of word) row[count++] = this.symbols.of(char);
    count = mergeSymbols(row, count, this);
    const ids: number[] = [];
    for (let at = 0; at < count; at++) {
      if (this.symbols.isToken(row[at]!)) ids.push(row[at]!);
      else for (const byte of utf8.encode(this.symbols.textOf(row[at]!))) this.pushByte(byte, ids);
    }
    this.row.release();
    return ids;
  }

  private pushByte(byte: number, ids: number[]): void {
    const id = this.byteIds[byte]!;
    if (id >= 0) ids.push(id);
  }
}

/** Places in the order of falling scores; equal scores share one. */
function orderOf(scores: Float32Array): Int32Array {
  const keys = scores.map((score) => (Number.isNaN(score) ? Infinity : -score));
  const falling = keys.slice().sort();
  return Int32Array.from(keys, (key) => {
    let low = 0;
    for (let high = falling.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (falling[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}
