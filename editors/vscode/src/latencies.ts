/** Times of the newest suggestions, and their median and 95th percentile. */

const KEPT = 500;

export class Latencies {
  private readonly values: number[] = [];

  add(ms: number): void {
    this.values.push(ms);
    if (this.values.length > KEPT) this.values.shift();
  }

  get count(): number {
    return this.values.length;
  }

  /** The smallest value that so many per cent are not above; NaN without values. */
  percentile(percent: number): number {
    const sorted = [...this.values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
  }
}
