import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaferflowError } from '#src/core/errors.js';
import { Rng } from '#src/core/rng.js';
import { argmax, Sampler } from '#src/runtime/leader/sampler.js';
import { selectTopK } from '#src/runtime/leader/top-k.js';
import type { SamplingOptions } from '#src/runtime/types.js';

/** The probabilities that the options give, by sorting and `Math.exp`: the naive way. */
function expectedProbabilities(logits: Float32Array, options: SamplingOptions): number[] {
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options;
  const highest = Math.max(...logits);
  const weights = [...logits].map((logit) => Math.exp((logit - highest) / temperature));
  let order = [...weights.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (topK > 0) order = order.slice(0, topK);
  const total = order.reduce((sum, id) => sum + weights[id]!, 0);
  let mass = 0;
  const kept = order.filter((id) => {
    const needed = topP === 1 || mass < topP * total;
    mass += weights[id]!;
    return needed && weights[id]! >= minP;
  });
  const keptMass = kept.reduce((sum, id) => sum + weights[id]!, 0);
  return weights.map((weight, id) => (kept.includes(id) ? weight / keptMass : 0));
}

function randomLogits(size: number, seed: number, scale = 2): Float32Array {
  const rng = new Rng(seed);
  return Float32Array.from({ length: size }, () => rng.normal() * scale);
}

const filters: readonly SamplingOptions[] = [
  { temperature: 1 },
  { temperature: 0.5 },
  { temperature: 2, topK: 7 },
  { temperature: 1, topP: 0.6 },
  { temperature: 1, minP: 0.2 },
  { temperature: 0.8, topK: 12, topP: 0.9, minP: 0.02 },
  { temperature: 1.5, topP: 0.999 },
  { temperature: 1, topK: 1000, topP: 0.3 },
];

describe('Sampler', () => {
  it.each(filters)('draws as often as the softmax says: %o (chi-square, 20,000 draws)', (options) => {
    const size = 24;
    const draws = 20_000;
    const logits = randomLogits(size, 3);
    const sampler = new Sampler(size, { ...options, seed: 11 });
    const counts = new Array<number>(size).fill(0);
    for (let i = 0; i < draws; i++) counts[sampler.sample(logits)]!++;
    const probabilities = expectedProbabilities(logits, options);
    let chiSquare = 0;
    let cells = 0;
    let rare = { expected: 0, seen: 0 };
    for (const [id, p] of probabilities.entries()) {
      if (p === 0) expect(counts[id]).toBe(0);
      else if (p * draws < 8) rare = { expected: rare.expected + p * draws, seen: rare.seen + counts[id]! };
      else {
        chiSquare += (counts[id]! - p * draws) ** 2 / (p * draws);
        cells++;
      }
    }
    if (rare.expected > 0) chiSquare += (rare.seen - rare.expected) ** 2 / rare.expected;
    // Five standard deviations above the mean of the distribution.
    expect(chiSquare).toBeLessThan(cells + 5 * Math.sqrt(2 * cells) + 5);
  });

  it('draws only tokens that the naive way keeps, for any options, ties and masks included', () => {
    const logit = fc.oneof(
      fc.integer({ min: -3, max: 3 }),
      fc.constant(Number.NEGATIVE_INFINITY),
      fc.integer({ min: -50, max: 50 }).map((value) => value / 7),
    );
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: 1, maxLength: 40 }),
        fc.record({
          temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
          topK: fc.integer({ min: 0, max: 45 }),
          topP: fc.constantFrom(1, 0.9, 0.5, 0.1),
          minP: fc.constantFrom(0, 0.1, 1),
          seed: fc.integer(),
        }),
        (values, options) => {
          const logits = Float32Array.from(values);
          fc.pre(logits.some((value) => value > Number.NEGATIVE_INFINITY));
          const probabilities = expectedProbabilities(logits, options);
          const sampler = new Sampler(logits.length, options);
          for (let i = 0; i < 10; i++) expect(probabilities[sampler.sample(logits)]).toBeGreaterThan(0);
        },
      ),
      { numRuns: 1000, seed: 4 },
    );
  });

  it('gives the same tokens for the same seed, and others for another', () => {
    const logits = randomLogits(1000, 1);
    const run = (seed: number): number[] => {
      const sampler = new Sampler(1000, { temperature: 1, topK: 100, topP: 0.9, seed });
      return Array.from({ length: 20 }, () => sampler.sample(logits));
    };
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
    // Stands for "on every engine": these ids may never change.
    expect(run(5)).toEqual([
      134, 595, 621, 20, 154, 185, 595, 305, 305, 595, 595, 595, 99, 595, 571, 812, 595, 595, 20, 441,
    ]);
  });

  it('takes the lowest id among equals', () => {
    expect(argmax(Float32Array.of(1, 3, 3, 3, 2))).toBe(1);
    const tied = new Float32Array(100).fill(1);
    expect(new Sampler(100, {}).sample(tied)).toBe(0);
    const sampler = new Sampler(100, { temperature: 1, topK: 3 });
    for (let i = 0; i < 50; i++) expect(sampler.sample(tied)).toBeLessThan(3);
    const nucleus = new Sampler(100, { temperature: 1, topP: 0.05 });
    for (let i = 0; i < 50; i++) expect(nucleus.sample(tied)).toBeLessThan(6);
  });

  it('applies penalties and bias, and leaves the logits alone', () => {
    const logits = Float32Array.of(2, 1.5, -1, 0);
    const next = (options: SamplingOptions, prompt: number[], generated: number[]): number => {
      const sampler = new Sampler(4, options, prompt);
      for (const id of generated) sampler.accept(id);
      return sampler.sample(logits);
    };
    expect(next({ repetitionPenalty: 1.5 }, [0], [])).toBe(1);
    expect(next({ repetitionPenalty: 1.3 }, [0], [])).toBe(0);
    expect(next({ repetitionPenalty: 0.1 }, [3], [])).toBe(0);
    expect(next({ presencePenalty: 1 }, [0], [])).toBe(0);
    expect(next({ presencePenalty: 1 }, [], [0])).toBe(1);
    expect(next({ frequencyPenalty: 0.3 }, [], [0])).toBe(0);
    expect(next({ frequencyPenalty: 0.3 }, [], [0, 0])).toBe(1);
    // With a window only what stands in it counts, the end of the prompt included.
    const frequent = { frequencyPenalty: 0.3, penaltyLastTokens: 2 };
    expect(next(frequent, [], [0, 0])).toBe(1);
    expect(next(frequent, [], [0, 0, 3])).toBe(0);
    expect(next({ repetitionPenalty: 1.5, penaltyLastTokens: 2 }, [0, 3], [])).toBe(1);
    expect(next({ repetitionPenalty: 1.5, penaltyLastTokens: 2 }, [0, 3, 3], [])).toBe(0);
    expect(next({ repetitionPenalty: 1.5, penaltyLastTokens: 2 }, [0, 3], [3])).toBe(0);
    expect(next({ frequencyPenalty: 9, penaltyLastTokens: 0 }, [0], [0, 0])).toBe(0);
    expect(next({ logitBias: { 3: 5 } }, [], [])).toBe(3);
    expect(next({ logitBias: { 0: Number.NEGATIVE_INFINITY } }, [], [])).toBe(1);
    expect([...logits]).toEqual([2, 1.5, -1, 0]);
  });

  it.each([
    ['all -Infinity', Float32Array.of(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY)],
    ['NaN first', Float32Array.of(Number.NaN, 1)],
    ['NaN last', Float32Array.of(1, Number.NaN)],
    ['+Infinity', Float32Array.of(1, Number.POSITIVE_INFINITY)],
    ['no logits', new Float32Array(0)],
  ])('refuses %s in words', (_, logits) => {
    for (const options of [
      {},
      { temperature: 1 },
      { temperature: 1, topK: 1 },
      { temperature: 1, topP: 0.5 },
    ]) {
      expect(() => new Sampler(logits.length, options).sample(logits)).toThrow(WaferflowError);
    }
  });
});

describe('selectTopK', () => {
  it('finds the same indices as a stable sort', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 60 }),
        fc.nat(),
        (list, n) => {
          const values = Float32Array.from(list);
          const k = 1 + (n % list.length);
          const order = [...list.keys()].sort((a, b) => list[b]! - list[a]! || a - b);
          const ids = new Uint32Array(k);
          expect(selectTopK(values, ids)).toBe(order[0]);
          expect([...ids]).toEqual(order.slice(0, k).sort((a, b) => a - b));
        },
      ),
      { numRuns: 1000, seed: 5 },
    );
  });
});
