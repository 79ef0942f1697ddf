/** Figures of repeated measurements. */
import type { Percentiles, Spread } from './types.js';

/** The value below which a share of the sorted values lies, between two of them by proportion. */
export function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = ascending(samples);
  const median = quantile(sorted, 0.5);
  const halfRange = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2;
  return {
    median,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    spread: median > 0 ? halfRange / median : 0,
    samples,
  };
}

export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = ascending(values);
  return {
    count: sorted.length,
    p50: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/** The ratios of values that were measured next to each other; the longer list's rest is left out. */
export function pairedRatios(a: readonly number[], b: readonly number[]): number[] {
  return a.slice(0, b.length).flatMap((value, i) => (b[i]! > 0 ? [value / b[i]!] : []));
}
