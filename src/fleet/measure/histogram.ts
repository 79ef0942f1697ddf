/** Quantiles of a stream in fixed memory: a histogram whose bins grow by a constant factor. */
import type { LatencySummary } from '../types.js';

/** A quantile is the middle of its bin: off by at most this share of the value. */
export const QUANTILE_ERROR = 0.005;

const GROWTH = (1 + QUANTILE_ERROR) ** 2;
const PER_LOG = 1 / Math.log(GROWTH);
/** Seconds: from 0.1 us to about 300 years; what lies outside counts in the outermost bins. */
const LOWEST = 1e-7;
const HIGHEST = 1e10;
const BINS = Math.ceil(Math.log(HIGHEST / LOWEST) * PER_LOG) + 1;
const LOG_LOWEST = Math.log(LOWEST);

function binOf(value: number): number {
  if (!(value > LOWEST)) return 0;
  return Math.min(BINS - 1, Math.floor((Math.log(value) - LOG_LOWEST) * PER_LOG) + 1);
}

/** The value at which bin `bin` begins. */
function lowerEdge(bin: number): number {
  return bin === 0 ? 0 : LOWEST * GROWTH ** (bin - 1);
}

/** Weighted samples in seconds; mean, minimum and maximum are exact. */
export class LogHistogram {
  private readonly weights = new Float64Array(BINS);
  private total = 0;
  private sum = 0;
  private lowest = Infinity;
  private highest = 0;

  get count(): number {
    return this.total;
  }

  get mean(): number {
    return this.total === 0 ? 0 : this.sum / this.total;
  }

  get max(): number {
    return this.highest;
  }

  add(seconds: number, weight = 1): void {
    const bin = binOf(seconds);
    this.weights[bin] = this.weights[bin]! + weight;
    this.total += weight;
    this.sum += seconds * weight;
    if (seconds < this.lowest) this.lowest = seconds;
    if (seconds > this.highest) this.highest = seconds;
  }

  /** `steps` samples from `first` to `last` at even distances, `weight` of each. */
  addRun(first: number, last: number, steps: number, weight: number): void {
    if (weight === 0 || steps === 0) return;
    const low = binOf(Math.min(first, last));
    const high = binOf(Math.max(first, last));
    this.total += steps * weight;
    this.sum += ((first + last) / 2) * steps * weight;
    this.lowest = Math.min(this.lowest, first, last);
    this.highest = Math.max(this.highest, first, last);
    if (low === high) {
      this.weights[low] = this.weights[low]! + steps * weight;
      return;
    }
    const bottom = Math.min(first, last);
    const distance = Math.abs(last - first) / (steps - 1);
    let counted = 0;
    for (let bin = low; bin < high && counted < steps; bin++) {
      const below = Math.min(steps, Math.max(counted, Math.ceil((lowerEdge(bin + 1) - bottom) / distance)));
      this.weights[bin] = this.weights[bin]! + (below - counted) * weight;
      counted = below;
    }
    this.weights[high] = this.weights[high]! + (steps - counted) * weight;
  }

  /** The smallest value that at least `share` of the weight does not exceed; 0 when empty. */
  quantile(share: number): number {
    if (this.total === 0) return 0;
    const wanted = share * this.total;
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) {
      seen += this.weights[bin]!;
      if (seen < wanted || seen === 0) continue;
      const middle = Math.sqrt(lowerEdge(bin) * lowerEdge(bin + 1));
      return Math.min(this.highest, Math.max(this.lowest, middle));
    }
    return this.highest;
  }

  /** Share of the weight that is at most `seconds`, to the width of a bin. */
  shareWithin(seconds: number): number {
    if (this.total === 0 || seconds >= this.highest) return 1;
    let within = 0;
    for (let bin = 0; bin < binOf(seconds); bin++) within += this.weights[bin]!;
    return within / this.total;
  }

  summary(): LatencySummary {
    const at = (share: number): number => this.quantile(share) * 1e3;
    return {
      count: this.total,
      mean: this.mean * 1e3,
      p50: at(0.5),
      p90: at(0.9),
      p95: at(0.95),
      p99: at(0.99),
      max: this.highest * 1e3,
    };
  }
}
