/** The trial of relaxed products at start, with probes that act as engines and processors are known to. */
import { expect, it } from 'vitest';
import { type Probe, tryVariants } from '#src/runtime/program/trial.js';

const bytes = (word: number, read: (byte: number) => number): number[] =>
  [0, 8, 16, 24].map((shift) => read((word >> shift) & 255));
const signed = (byte: number): number => (byte << 24) >> 24;
const unsigned = (byte: number): number => byte;
const clamp = (x: number): number => Math.max(-32768, Math.min(32767, x));

/** A probe whose codes read so; each product by fours is as fast as by pairs, and both are faster than plain ones. */
function probe(read: (byte: number) => number, fours: (products: number[]) => number): Probe {
  const spin = (rounds: number) => () => {
    let sum = 0;
    for (let i = 0; i < rounds; i++) sum += Math.sqrt(i);
    return sum;
  };
  const products = (x: number, codes: number): number[] =>
    bytes(x, signed).map((byte, i) => byte * bytes(codes, read)[i]!);
  return {
    add: (x, codes, acc) => acc + fours(products(x, codes)),
    pairs: (x, codes) => clamp(products(x, codes)[0]! + products(x, codes)[1]!),
    rateOfPlain: spin(80_000),
    rateOfPairs: spin(5_000),
    rateOfAdd: spin(5_000),
  };
}

const sum = (products: number[]): number => products.reduce((a, b) => a + b);
const saturated = ([a, b, c, d]: number[]): number => clamp(a! + b!) + clamp(c! + d!);

it('takes sums of four uint8 times int8 where they are exact', () => {
  expect(tryVariants(probe(unsigned, sum))).toEqual({ exact: ['simd', 'relaxed', 'u8s8'], fastest: 'u8s8' });
});

it('takes sums of four int8 times int8 where they are exact', () => {
  expect(tryVariants(probe(signed, sum))).toEqual({ exact: ['simd', 'relaxed', 's8s8'], fastest: 's8s8' });
});

it('takes pairs with seven bits where sums of four saturate', () => {
  expect(tryVariants(probe(unsigned, saturated))).toEqual({ exact: ['simd', 'relaxed'], fastest: 'relaxed' });
});

it('does not trust sums that are wrong by a factor', () => {
  expect(tryVariants(probe(unsigned, (products) => 2 * sum(products))).exact).toEqual(['simd', 'relaxed']);
});

it('does not trust sums that change when the engine compiles again', () => {
  let calls = 0;
  const changing = (products: number[]): number => (++calls < 1000 ? sum(products) : saturated(products));
  expect(tryVariants(probe(unsigned, changing)).exact).toEqual(['simd', 'relaxed']);
});

it('is plain where nothing is faster, and where there is no relaxed SIMD', () => {
  const { rateOfPlain, rateOfAdd, ...rest } = probe(unsigned, sum);
  const slow = { ...rest, rateOfPlain: rateOfAdd, rateOfPairs: rateOfPlain, rateOfAdd: rateOfPlain };
  expect(tryVariants(slow).fastest).toBe('simd');
  expect(tryVariants(null)).toEqual({ exact: ['simd'], fastest: 'simd' });
});
