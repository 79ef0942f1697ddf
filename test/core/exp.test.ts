import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exp } from '#src/core/exp.js';

const FRACTION_BITS = 256n;
const ONE = 1n << FRACTION_BITS;

/** A float64 as an exact fixed-point number with 256 fraction bits (exact for |x| >= 2^-200). */
function toFixed(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & ((1n << 52n) - 1n)) | (exponent === 0 ? 0n : 1n << 52n);
  const shift = BigInt(Math.max(exponent, 1) - 1075) + FRACTION_BITS;
  const magnitude = shift >= 0n ? mantissa << shift : mantissa >> -shift;
  return x < 0 ? -magnitude : magnitude;
}

/** e^x by the Taylor series of x / 2^20 in 256-bit fixed point, squared 20 times. */
function exactExp(x: number): bigint {
  const r = toFixed(x) >> 20n;
  let term = ONE;
  let sum = ONE;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = (term * r) / (n * ONE);
    sum += term;
  }
  for (let i = 0; i < 20; i++) sum = (sum * sum) >> FRACTION_BITS;
  return sum;
}

describe('exp', () => {
  it('has a relative error below 2^-50 between -80 and 80', () => {
    fc.assert(
      fc.property(fc.double({ min: -80, max: 80, noNaN: true }), (x) => {
        const exact = exactExp(x);
        const error = toFixed(exp(x)) - exact;
        const magnitude = error < 0n ? -error : error;
        return magnitude << 50n < exact;
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('stays within 4e-15 of Math.exp over the whole range', () => {
    fc.assert(
      fc.property(fc.double({ min: -708, max: 709, noNaN: true }), (x) => {
        expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(4e-15);
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  it('never falls where its argument rises by a thousandth', () => {
    const falls: number[] = [];
    for (let x = -20; x < 0; x += 0.001) if (exp(x + 0.001) <= exp(x)) falls.push(x);
    expect(falls).toEqual([]);
  });

  it.each([
    [0, 1],
    [-0, 1],
    [-1000, 0],
    [Number.NEGATIVE_INFINITY, 0],
    [1000, Number.POSITIVE_INFINITY],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NaN, Number.NaN],
  ])('exp(%d) is %d', (x, y) => {
    expect(exp(x)).toBe(y);
  });

  it('keeps its bits: a digest of 1,000 values', () => {
    let digest = 0;
    const value = new Float64Array(1);
    const words = new Uint32Array(value.buffer);
    for (let i = 0; i < 1000; i++) {
      value[0] = exp(-i * 0.037);
      digest = (Math.imul(digest, 31) + words[0]! + words[1]!) >>> 0;
    }
    expect(digest).toBe(3196336621);
  });
});
