/**
 * Byte-pair encoding with a list of merges, tokenizer models `gpt2` and `gemma4`. Tokens are written with a letter for each
 * byte, as GPT-2 does it, or as plain text.
 */
import { byteTokenText } from './byte-tokens.js';
import { type MergeTable, mergeSymbols } from './merger.js';
import { PairMemory } from './pair-table.js';
import { type SplitStep, splitWords } from './splitter.js';
import { SymbolRow, Symbols } from './symbols.js';
import { WordCache } from './word-cache.js';

const utf8 = new TextEncoder();
const unasked = -1;

/** GPT-2's printable stand-in for each byte: printable Latin-1 stands for itself, the rest for U+0100 and up. */
export const byteToChar: readonly string[] = (() => {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let other = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : other++));
})();

/** By code unit: the byte that it stands for, or -1. */
const charToByte = (() => {
  const bytes = new Int16Array(0x144).fill(-1);
  for (const [byte, char] of byteToChar.entries()) bytes[char.charCodeAt(0)] = byte;
  return bytes;
})();

/** The bytes that a token text stands for; a character that stands for no byte gives its own UTF-8. */
export function bytesOfByteLevelText(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text) {
    const byte = charToByte[char.codePointAt(0)!] ?? -1;
    if (byte >= 0) bytes.push(byte);
    else bytes.push(...utf8.encode(char));
  }
  return Uint8Array.from(bytes);
}

export interface BpeSettings {
  readonly texts: readonly string[];
  readonly idOf: ReadonlyMap<string, number>;
  /** Each as `left right`; the first space behind the first character is the border. */
  readonly merges: readonly string[];
  readonly steps: readonly SplitStep[];
  /** A word that is a token is taken as it is, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Tokens are text, not letters for bytes. */
  readonly plainText: boolean;
  /** Newlines alone that are a token are taken as it is: no merge of such files leads there. */
  readonly newlinesWhole: boolean;
  /** For plain text whose bytes are no tokens either, one for each run of them; null drops them. */
  readonly unknownId: number | null;
}

export class Bpe implements MergeTable {
  private readonly settings: BpeSettings;
  private readonly symbols: Symbols;
  private readonly pairs: PairMemory;
  /** By rank: the symbol that a merge makes, found when first asked for. */
  private readonly results: Int32Array;
  private readonly byteSymbols: readonly number[];
  private readonly cache = new WordCache();
  private readonly row = new SymbolRow();

  constructor(settings: BpeSettings) {
    this.settings = settings;
    const { merges } = settings;
    const ranks = new Map<string, number>();
    // Of a merge that is listed twice, the first counts.
    for (let rank = merges.length - 1; rank >= 0; rank--) ranks.set(merges[rank]!, rank);
    this.symbols = new Symbols(settings.idOf, settings.texts);
    this.byteSymbols = byteToChar.map((char) => this.symbols.of(char));
    this.pairs = new PairMemory((left, right) => {
      const text = this.symbols.textOf(left);
      // The border is the first space behind the first character.
      return text.indexOf(' ', 1) < 0 ? ranks.get(`${text} ${this.symbols.textOf(right)}`) : undefined;
    });
    this.results = new Int32Array(merges.length).fill(unasked);
  }

  find(left: number, right: number): number {
    return this.pairs.find(left, right);
  }

  rankOf(merge: number): number {
    return merge;
  }

  resultOf(merge: number): number {
    let result = this.results[merge]!;
    if (result === unasked) {
      const text = this.settings.merges[merge]!;
      const border = text.indexOf(' ', 1);
      result = this.symbols.of(text.slice(0, border) + text.slice(border + 1));
      this.results[merge] = result;
    }
    return result;
  }

  /** Appends the ids of `text`. */
  encode(text: string, ids: number[]): void {
    for (const word of splitWords(text, this.settings.steps)) {
      let known = this.cache.get(word);
      if (known === undefined) {
        known = this.encodeWord(word);
        this.cache.set(word, known);
      }
      for (const id of known) ids.push(id);
    }
  }

  private encodeWord(word: string): number[] {
    const { plainText, ignoreMerges, newlinesWhole, idOf } = this.settings;
    const bytes = plainText ? undefined : utf8.encode(word);
    if (ignoreMerges || (newlinesWhole && /^\n+$/.test(word))) {
      const whole = idOf.get(bytes ? Array.from(bytes, (byte) => byteToChar[byte]!).join('') : word);
      if (whole !== undefined) return [whole];
    }
    const row = this.row.reserve(bytes?.length ?? word.length);
    let count = 0;
    if (bytes) for (const byte of bytes) row[count++] = this.byteSymbols[byte]!;
    else for (const char of word) row[count++] = this.symbols.of(char);
    count = mergeSymbols(row, count, this);
    const ids: number[] = [];
    for (let at = 0; at < count; at++) {
      if (this.symbols.isToken(row[at]!)) ids.push(row[at]!);
      else this.encodeUnknown(this.symbols.textOf(row[at]!), ids);
    }
    this.row.release();
    return ids;
  }

  /** As in llama.cpp, a merged text that is no token falls apart into its bytes, and bytes without a token are lost. */
  private encodeUnknown(text: string, ids: number[]): void {
    const { plainText, idOf, unknownId } = this.settings;
    const parts = plainText ? Array.from(utf8.encode(text), byteTokenText) : [...text];
    const known = parts.map((part) => idOf.get(part)).filter((id) => id !== undefined);
    if (unknownId !== null && known.length < parts.length) {
      if (ids.at(-1) !== unknownId) ids.push(unknownId);
    } else ids.push(...known);
  }
}
