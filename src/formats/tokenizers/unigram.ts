/** Unigram, tokenizer model `t5`: of all ways to take a text apart into tokens, the one whose scores add up to the most. */
import { byteTokenText } from './byte-tokens.js';
import { root, Trie, unitsOf } from './trie.js';
import { tokenKind } from './vocabulary.js';

export interface UnigramSettings {
  readonly texts: readonly string[];
  readonly kinds: Uint8Array;
  readonly scores: Float32Array | Float64Array;
  readonly idOf: ReadonlyMap<string, number>;
  readonly unknownId: number | null;
  /** Characters that are no token become their bytes. */
  readonly byteFallback: boolean;
}

/** How much worse than the worst token a character is that no token has. */
const unknownPenalty = 10;
const utf8 = new TextEncoder();

export class Unigram {
  private readonly settings: UnigramSettings;
  private readonly trie: Trie;
  private readonly unknownScore: number;

  constructor(settings: UnigramSettings) {
    this.settings = settings;
    const { texts, kinds, scores } = settings;
    const inText = new Set<number>([tokenKind.normal, tokenKind.userDefined, tokenKind.unused]);
    this.trie = new Trie(4 * texts.length);
    let worst = Infinity;
    for (const [id, text] of texts.entries()) {
      if (kinds[id] === tokenKind.normal) worst = Math.min(worst, scores[id]!);
      if (text !== '' && inText.has(kinds[id]!)) this.trie.add(unitsOf(text), id);
    }
    this.unknownScore = worst - unknownPenalty;
  }

  /** Appends the ids of a text that is normalised already. */
  encode(text: string, ids: number[]): void {
    const { scores, kinds } = this.settings;
    const count = text.length;
    // By end: the best sum of scores, the token that it ends with (-1: none), and where that begins.
    const best = new Float64Array(count + 1).fill(-Infinity);
    const tokens = new Int32Array(count + 1).fill(-1);
    const starts = new Int32Array(count + 1);
    best[0] = 0;
    for (let at = 0; at < count; ) {
      const width = text.codePointAt(at)! > 0xffff ? 2 : 1;
      let whole = false;
      for (let end = at, node = root; end < count; ) {
        node = this.trie.step(node, text.charCodeAt(end++));
        if (node < 0) break;
        const id = this.trie.valueOf(node);
        if (id < 0) continue;
        whole ||= end - at === width;
        const score = best[at]! + (kinds[id] === tokenKind.userDefined ? 0 : scores[id]!);
        if (score > best[end]!) {
          best[end] = score;
          tokens[end] = id;
          starts[end] = at;
        }
      }
      const score = best[at]! + this.unknownScore;
      if (!whole && score > best[at + width]!) {
        best[at + width] = score;
        tokens[at + width] = -1;
        starts[at + width] = at;
      }
      at += width;
    }
    this.collect(text, tokens, starts, ids);
  }

  private collect(text: string, tokens: Int32Array, starts: Int32Array, ids: number[]): void {
    const ends: number[] = [];
    for (let end = text.length; end > 0; end = starts[end]!) ends.push(end);
    let unknown = false;
    for (const end of ends.reverse()) {
      const id = tokens[end]!;
      if (id >= 0) ids.push(id);
      else this.encodeUnknown(text.slice(starts[end], end), unknown, ids);
      unknown = id < 0;
    }
  }

  /** Unknown characters in a row are one unknown token. */
  private encodeUnknown(char: string, again: boolean, ids: number[]): void {
    const { byteFallback, idOf, unknownId } = this.settings;
    if (byteFallback) {
      const bytes = Array.from(utf8.encode(char), (byte) => idOf.get(byteTokenText(byte)));
      if (bytes.every((id) => id !== undefined)) {
        ids.push(...bytes);
        return;
      }
    }
    if (unknownId !== null && !again) ids.push(unknownId);
  }
}
