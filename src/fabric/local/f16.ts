/** IEEE half precision in software: two of them fit in one 32-bit wavelet. And how words of either type fold. */
import { fromF16, toF16 } from '../../core/half.js';
import { FOLD } from '../cores/core.js';

/** Every half as a float, so that reading one is a table look-up. */
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => fromF16(bits));

export function halfToFloat(bits: number): number {
  return HALVES[bits & 0xffff]!;
}

/** The nearest half, ties to even. */
export const floatToHalf = toF16;

export function packHalves(low: number, high: number): number {
  return floatToHalf(low) | (floatToHalf(high) << 16);
}

/** Adds two pairs of halves, each sum rounded to half. */
export function addHalves(a: number, b: number): number {
  return packHalves(HALVES[a & 0xffff]! + HALVES[b & 0xffff]!, HALVES[a >>> 16]! + HALVES[b >>> 16]!);
}

/** The greater of each pair of halves. */
export function maxHalves(a: number, b: number): number {
  const low = HALVES[a & 0xffff]! >= HALVES[b & 0xffff]! ? a : b;
  const high = HALVES[a >>> 16]! >= HALVES[b >>> 16]! ? a : b;
  return (low & 0xffff) | (high & 0xffff0000);
}

const word = new Int32Array(3);
const float = new Float32Array(word.buffer);

/** What becomes of a word in memory when another arrives, bits in and bits out. */
export function foldWord(fold: number, memory: number, arrived: number): number {
  switch (fold) {
    case FOLD.addF32:
      word[0] = memory;
      word[1] = arrived;
      float[2] = float[0]! + float[1]!;
      return word[2]!;
    case FOLD.maxF32:
      word[0] = memory;
      word[1] = arrived;
      return float[0]! >= float[1]! ? memory : arrived;
    case FOLD.addF16:
      return addHalves(memory, arrived);
    case FOLD.maxF16:
      return maxHalves(memory, arrived);
    case FOLD.or:
      return memory | arrived;
    default:
      return arrived;
  }
}
