/**
 * SentencePiece-style BPE as llama.cpp runs it for tokenizer model `llama`: the pair whose merged text is the token
 * with the best score goes first; what is no token in the end becomes byte tokens.
 */
import { byteTokenText } from './byte-tokens.js';
import { type MergeTable, mergeSymbols } from './merger.js';
import { PairMemory } from './pair-table.js';
import { SymbolRow, Symbols, type TokenIds } from './symbols.js';
import { tokenKind, type Vocabulary } from './vocabulary.js';
import { WordCache } from './word-cache.js';

/** What SentencePiece writes for a space. */
export const metaSpace = '\u2581';
const metaSpaceUnit = metaSpace.charCodeAt(0);
const newline = 10;

const utf8 = new TextEncoder();

export class SentencePiece implements MergeTable {
  private readonly symbols: Symbols;
  /** By token: its place in the order of merging. */
  private readonly order: Int32Array;
  /** The token that two symbols become. */
  private readonly pairs: PairMemory;
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
    const mergingIds: TokenIds = {
      get(text) {
        const id = idOf.get(text);
        return id !== undefined && merging.has(fileKinds[id]!) ? id : undefined;
      },
    };
    this.symbols = new Symbols(mergingIds, texts);
    this.pairs = new PairMemory((left, right) =>
      mergingIds.get(this.symbols.textOf(left) + this.symbols.textOf(right)),
    );
    this.order = orderOf(scores);
    this.byteIds = Array.from({ length: 256 }, (_, byte) => idOf.get(byteTokenText(byte)) ?? unknownId ?? -1);
    for (let id = 0; id < texts.length; id++) if (merging.has(fileKinds[id]!)) this.noteBorders(texts[id]!);
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
    return this.pairs.find(left, right);
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
  const order = new Int32Array(keys.length);
  for (let id = 0; id < keys.length; id++) {
    const key = keys[id]!;
    // Most vocabularies are written in this order, but for a few tokens.
    let low = id > 0 && keys[id - 1]! < key ? order[id - 1]! : 0;
    let high = keys.length;
    if (falling[low + 1]! >= key && falling[low]! < key) high = ++low;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (falling[middle]! < key) low = middle + 1;
      else high = middle;
    }
    order[id] = low;
  }
  return order;
}
