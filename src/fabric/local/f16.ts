/** IEEE half precision in software: two of them fit in one 32-bit wavelet. */
import { fromF16, toF16 } from '../../core/half.js';

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
