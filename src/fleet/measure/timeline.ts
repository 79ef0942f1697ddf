/** The KV memory in use over time, in a fixed number of bins however long the run: two become one when they are full. */
import type { TimelinePoint } from '../types.js';

const BINS = 240;
/** Seconds of a bin before the first doubling. */
const FIRST_WIDTH = 1e-3;

export class Timeline {
  /** Token-seconds of all copies. */
  private readonly bins = new Float64Array(BINS);
  private width = FIRST_WIDTH;
  private origin = 0;
  private end = 0;
  /** The bin that was added to last, and its edges: nearly every step is within it. */
  private latest = 0;
  private low = 0;
  private high = 0;

  /** The time that counts as 0; before anything is added. */
  begin(time: number): void {
    this.origin = time;
    this.end = time;
  }

  /** Tokens that were held on a straight line from one number to another between two moments. */
  add(from: number, to: number, tokensFrom: number, tokensTo: number): void {
    if (to > this.end) this.end = to;
    if (from >= this.low && to < this.high) {
      this.bins[this.latest] = this.bins[this.latest]! + ((to - from) * (tokensFrom + tokensTo)) / 2;
    } else this.spread(from, to, tokensFrom, tokensTo);
  }

  private spread(from: number, to: number, tokensFrom: number, tokensTo: number): void {
    const last = this.binOf(to);
    const first = this.binOf(from);
    this.latest = last;
    this.low = this.origin + last * this.width;
    this.high = this.low + this.width;
    if (to === from) return;
    const slope = (tokensTo - tokensFrom) / (to - from);
    let held = tokensFrom;
    let at = from;
    for (let bin = first; bin <= last; bin++) {
      const until = Math.min(to, this.origin + (bin + 1) * this.width);
      const then = tokensFrom + (until - from) * slope;
      this.bins[bin] = this.bins[bin]! + ((until - at) * (held + then)) / 2;
      held = then;
      at = until;
    }
  }

  /** Means over each bin, as shares of so many tokens; the last bin ends with what was added last. */
  points(capacityTokens: number): TimelinePoint[] {
    const seconds = this.end - this.origin;
    const points: TimelinePoint[] = [];
    for (let bin = 0; bin < BINS && bin * this.width < seconds; bin++) {
      const until = Math.min(seconds, (bin + 1) * this.width);
      const tokens = this.bins[bin]! / (until - bin * this.width);
      points.push({ seconds: until, kvOccupancy: tokens / capacityTokens });
    }
    return points;
  }

  private binOf(time: number): number {
    let bin = Math.floor((time - this.origin) / this.width);
    while (bin >= BINS) {
      this.double();
      bin = Math.floor((time - this.origin) / this.width);
    }
    return bin;
  }

  private double(): void {
    const { bins } = this;
    for (let bin = 0; bin < BINS; bin++) {
      bins[bin] = 2 * bin + 1 < BINS ? bins[2 * bin]! + bins[2 * bin + 1]! : 0;
    }
    this.width *= 2;
  }
}
