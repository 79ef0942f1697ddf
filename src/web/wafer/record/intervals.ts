/** Which of many intervals hold at a cycle: a pure function of the cycle, whichever way time runs. */

/** Cycles between two lists of what holds; a question walks at most so many cycles of starts. */
const STRIDE = 64;

export class Intervals {
  readonly starts: Uint32Array;
  /** Exclusive. */
  readonly ends: Uint32Array;
  private readonly lists: readonly Uint32Array[];
  /** First interval that starts at or after each listed cycle. */
  private readonly firsts: Uint32Array;

  /** Intervals in the order of their starts. */
  constructor(starts: Uint32Array, ends: Uint32Array) {
    this.starts = starts;
    this.ends = ends;
    const last = starts.length === 0 ? 0 : starts.at(-1)!;
    const lists: Uint32Array[] = [];
    const firsts: number[] = [];
    let open: number[] = [];
    let next = 0;
    for (let cycle = 0; ; cycle += STRIDE) {
      while (next < starts.length && starts[next]! < cycle) open.push(next++);
      open = open.filter((i) => ends[i]! > cycle);
      lists.push(Uint32Array.from(open));
      firsts.push(next);
      if (cycle > last && open.length === 0) break;
    }
    this.lists = lists;
    this.firsts = Uint32Array.from(firsts);
  }

  /** Numbers of the intervals with `start <= cycle < end`, in the order of their starts. */
  at(cycle: number): number[] {
    if (cycle < 0) return [];
    const { starts, ends } = this;
    const list = Math.min(Math.floor(cycle / STRIDE), this.lists.length - 1);
    const found: number[] = [];
    for (const i of this.lists[list]!) if (ends[i]! > cycle) found.push(i);
    for (let i = this.firsts[list]!; i < starts.length && starts[i]! <= cycle; i++) {
      if (ends[i]! > cycle) found.push(i);
    }
    return found;
  }
}

/** The first place in an ascending list whose value is at least `value`. */
export function lowerBound(length: number, valueAt: (i: number) => number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
