/** The tokenizer of PLaMo 2: the cheapest way to take a text apart, in whole numbers; what is no token becomes bytes. */
import { byteTokenText } from './byte-tokens.js';
import { root, Trie, unitsOf } from './trie.js';
import { tokenKind, type Vocabulary } from './vocabulary.js';

/** Scores count in ten thousandths, a character that is no token as minus a thousand. */
const scale = 10_000;
const unknownScore = -10_000_000;
const utf8 = new TextEncoder();

export class Plamo2 {
  private readonly trie: Trie;
  private readonly scores: Float64Array;
  private readonly idOf: ReadonlyMap<string, number>;

  constructor({ texts, kinds, scores, idOf }: Vocabulary) {
    this.idOf = idOf;
    this.scores = Float64Array.from(scores, (score) => Math.round(score * scale));
    this.trie = new Trie(4 * texts.length);
    for (const [id, text] of texts.entries()) {
      if (kinds[id] !== tokenKind.byte && text !== '' && Number.isFinite(scores[id]))
        this.trie.add(unitsOf(text), id);
    }
  }

  /** Appends the ids of `text`. */
  encode(input: string, ids: number[]): void {
    const text = input.startsWith('\ufeff') ? input.slice(1) : input;
    const count = text.length;
    // By start: the least cost of the rest, the token that it begins with (-1: a character's bytes), and where that ends.
    const costs = new Float64Array(count + 1);
    const tokens = new Int32Array(count + 1).fill(-1);
    const ends = new Int32Array(count + 1);
    for (let at = count - 1; at >= 0; at--) {
      if (isLowSurrogate(text.charCodeAt(at)) && at > 0) continue;
      costs[at] = Infinity;
      // Of equal costs the longer token counts.
      for (let end = at, node = root; end < count; ) {
        node = this.trie.step(node, text.charCodeAt(end++));
        if (node < 0) break;
        const id = this.trie.valueOf(node);
        if (id < 0) continue;
        const cost = costs[end]! - this.scores[id]!;
        if (cost <= costs[at]!) {
          costs[at] = cost;
          tokens[at] = id;
          ends[at] = end;
        }
      }
      const end = at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
      const cost = costs[end]! - unknownScore;
      if (cost < costs[at]!) {
        costs[at] = cost;
        tokens[at] = -1;
        ends[at] = end;
      }
    }
    for (let at = 0; at < count; at = ends[at]!) {
      if (tokens[at]! >= 0) ids.push(tokens[at]!);
      else {
        for (const byte of utf8.encode(text.slice(at, ends[at]))) {
          const id = this.idOf.get(byteTokenText(byte));
          if (id !== undefined) ids.push(id);
        }
      }
    }
  }
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}
