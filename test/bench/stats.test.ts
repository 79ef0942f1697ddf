import { describe, expect, it } from 'vitest';
import { lowestRatio } from '#src/bench/run.js';
import { pairedRatios, percentilesOf, quantile, spreadOf } from '#src/bench/stats.js';
import type { MeasuredRatio } from '#src/bench/types.js';

describe('figures of repeated measurements', () => {
  it('interpolates quantiles', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4], 1)).toBe(4);
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('sums up a spread without changing the samples', () => {
    const samples = [30, 10, 20, 40, 50];
    expect(spreadOf(samples)).toEqual({ median: 30, min: 10, max: 50, spread: 10 / 30, samples });
    expect(samples).toEqual([30, 10, 20, 40, 50]);
  });

  it('takes percentiles', () => {
    const values = Array.from({ length: 101 }, (_, i) => 100 - i);
    expect(percentilesOf(values)).toEqual({ count: 101, p50: 50, p90: 90, p99: 99, max: 100 });
  });

  it('pairs neighbours and drops what cannot be divided', () => {
    expect(pairedRatios([10, 20, 30], [5, 0, 10])).toEqual([2, 3]);
  });

  it('takes the lowest ratio of one user in decode', () => {
    const ratio = (phase: 'decode' | 'prefill', batch: number, median: number): MeasuredRatio => ({
      against: 'baseline',
      model: 'm',
      phase,
      batch,
      promptTokens: 1,
      generatedTokens: 1,
      ratio: spreadOf([median]),
    });
    const ratios = [
      ratio('prefill', 1, 2),
      ratio('decode', 4, 3),
      ratio('decode', 1, 9),
      ratio('decode', 1, 7),
    ];
    expect(lowestRatio(ratios, 'baseline')).toBe(7);
    expect(lowestRatio(ratios, 'node-llama-cpp')).toBeNull();
  });
});
