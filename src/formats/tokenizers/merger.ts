/**
 * The merging of byte-pair encoding over numbers: a word is a row of symbols, and the adjacent pair with the lowest rank
 * becomes one, the leftmost of equals, until no pair has a rank. Short words are searched, long ones take a heap, so that
 * a word of n symbols takes O(n log n).
 */
import { OptionError } from '../../core/errors.js';

/** What two symbols become; asked for each pair of neighbours, so it should be one look into a table. */
export interface MergeTable {
  /** Index of the merge of these two, or -1 where they do not merge. */
  find(left: number, right: number): number;
  /** By index: the lower, the earlier. Below 2^26. */
  rankOf(merge: number): number;
  /** By index: the symbol that they become. */
  resultOf(merge: number): number;
}

/** Up to this length the best pair is searched each time. */
const shortLength = 48;
/** A heap entry is a rank and a position in one double. */
const maxSymbols = 2 ** 26;
const none = 2 ** 27;

const ranks = new Int32Array(shortLength + 1);
const results = new Int32Array(shortLength + 1);

/** Merges `symbols[0, count)` in place and returns how many are left. */
export function mergeSymbols(symbols: Int32Array, count: number, table: MergeTable): number {
  if (count < 2) return count;
  return count <= shortLength ? mergeShort(symbols, count, table) : mergeLong(symbols, count, table);
}

function mergeShort(symbols: Int32Array, length: number, table: MergeTable): number {
  let count = length;
  const look = (at: number) => {
    const merge = table.find(symbols[at]!, symbols[at + 1]!);
    ranks[at] = merge < 0 ? none : table.rankOf(merge);
    results[at] = merge < 0 ? -1 : table.resultOf(merge);
  };
  for (let at = 0; at + 1 < count; at++) look(at);
  for (;;) {
    let best = 0;
    let rank = none;
    for (let at = 0; at + 1 < count; at++) {
      if (ranks[at]! < rank) {
        rank = ranks[at]!;
        best = at;
      }
    }
    if (rank === none) return count;
    symbols[best] = results[best]!;
    count--;
    for (let at = best + 1; at < count; at++) {
      symbols[at] = symbols[at + 1]!;
      ranks[at] = ranks[at + 1]!;
      results[at] = results[at + 1]!;
    }
    if (best > 0) look(best - 1);
    if (best + 1 < count) look(best);
  }
}

/** Doubles, the smallest first. */
class Heap {
  private values: Float64Array;
  private size = 0;

  constructor(capacity: number) {
    this.values = new Float64Array(capacity);
  }

  push(value: number): void {
    if (this.size === this.values.length) {
      const grown = new Float64Array(2 * this.size);
      grown.set(this.values);
      this.values = grown;
    }
    const { values } = this;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (values[parent]! <= value) break;
      values[at] = values[parent]!;
      at = parent;
    }
    values[at] = value;
  }

  /** The smallest, or -1 when there is none. */
  pop(): number {
    if (this.size === 0) return -1;
    const { values } = this;
    const best = values[0]!;
    const last = values[--this.size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && values[child + 1]! < values[child]!) child++;
      if (values[child]! >= last) break;
      values[at] = values[child]!;
      at = child;
    }
    values[at] = last;
    return best;
  }
}

function mergeLong(symbols: Int32Array, count: number, table: MergeTable): number {
  if (count > maxSymbols) {
    throw new OptionError({
      what: 'a word of a text',
      given: `${count} symbols`,
      expected: `at most ${maxSymbols}`,
      todo: 'Give the text in parts.',
    });
  }
  // A linked list of what is left; -1 ends it, and a symbol that is gone has symbol -1.
  const next = new Int32Array(count);
  const previous = new Int32Array(count);
  const heap = new Heap(count);
  const offer = (left: number) => {
    const merge = table.find(symbols[left]!, symbols[next[left]!]!);
    if (merge >= 0) heap.push(table.rankOf(merge) * maxSymbols + left);
  };
  for (let at = 0; at < count; at++) {
    next[at] = at + 1 < count ? at + 1 : -1;
    previous[at] = at - 1;
    if (at + 1 < count) offer(at);
  }
  for (let entry = heap.pop(); entry >= 0; entry = heap.pop()) {
    const left = entry % maxSymbols;
    const right = next[left]!;
    if (symbols[left]! < 0 || right < 0) continue;
    // What stands here now may be another pair, with a later rank: that has an entry of its own.
    const merge = table.find(symbols[left]!, symbols[right]!);
    if (merge < 0 || table.rankOf(merge) !== Math.floor(entry / maxSymbols)) continue;
    symbols[left] = table.resultOf(merge);
    symbols[right] = -1;
    const after = next[right]!;
    next[left] = after;
    if (after >= 0) {
      previous[after] = left;
      offer(left);
    }
    if (previous[left]! >= 0) offer(previous[left]!);
  }
  let left = 0;
  for (let at = 0; at < count; at++) if (symbols[at]! >= 0) symbols[left++] = symbols[at]!;
  return left;
}
