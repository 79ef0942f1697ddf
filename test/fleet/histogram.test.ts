/** Streaming quantiles against sorted samples. */
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { LogHistogram, QUANTILE_ERROR } from '#src/fleet/measure/histogram.js';

function exact(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

describe('LogHistogram', () => {
  it('gives every quantile of a stream within its stated error, the mean and the ends exactly', () => {
    const rng = new Rng(3);
    const samples = Array.from({ length: 20_000 }, () => Math.exp(2 * rng.normal() - 4));
    const histogram = new LogHistogram();
    for (const sample of samples) histogram.add(sample);
    const sorted = samples.toSorted((a, b) => a - b);
    for (const share of [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
      const error = Math.abs(histogram.quantile(share) / exact(sorted, share) - 1);
      expect(error, `quantile ${share}`).toBeLessThanOrEqual(QUANTILE_ERROR * 1.0001);
    }
    expect(histogram.mean).toBeCloseTo(samples.reduce((a, b) => a + b) / samples.length, 9);
    expect(histogram.max).toBe(sorted.at(-1));
  });

  it.each([
    [0.01, 0.05, 1000, 3],
    [0.05, 0.01, 777, 2],
    [0.02, 0.02, 50, 7],
    [0.02, 0.0201, 2, 1],
    [0.5, 0.5, 1, 4],
  ])('counts a run from %d to %d as its %d samples one by one would be', (first, last, steps, weight) => {
    const run = new LogHistogram();
    run.addRun(first, last, steps, weight);
    const single = new LogHistogram();
    for (let i = 0; i < steps; i++) {
      single.add(steps === 1 ? first : first + ((last - first) * i) / (steps - 1), weight);
    }
    expect(run.count).toBe(single.count);
    expect(run.mean).toBeCloseTo(single.mean, 12);
    for (const share of [0.01, 0.25, 0.5, 0.75, 0.99]) {
      expect(Math.abs(run.quantile(share) / single.quantile(share) - 1)).toBeLessThanOrEqual(
        2 * QUANTILE_ERROR,
      );
    }
  });

  it('is empty without samples', () => {
    expect(new LogHistogram().summary()).toEqual({
      count: 0,
      mean: 0,
      p50: 0,
      p90: 0,
      p95: 0,
      p99: 0,
      max: 0,
    });
  });
});
