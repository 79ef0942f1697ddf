import type { Reference } from '../spec.js';

export interface Quantized {
  /** Per block of 32: the largest absolute value / 127. */
  readonly scales: Float64Array;
  /** x / scale before it is rounded to an integer, of magnitude 1; 0 where the scale is not a number to divide by. */
  readonly quotients: Reference;
}

/** x [columns], columns a multiple of 32. A NaN anywhere in a block makes its scale NaN; a scale below 3e-39 has no inverse in f32. */
export function quantize(x: ArrayLike<number>): Quantized {
  const scales = new Float64Array(x.length / 32);
  const values = new Float64Array(x.length);
  for (let block = 0; block < scales.length; block++) {
    let largest = 0;
    for (let c = block * 32; c < block * 32 + 32; c++) largest = Math.max(largest, Math.abs(x[c]!));
    const scale = largest / 127;
    scales[block] = scale;
    const isDivisor = scale > 3e-39 && scale < Number.POSITIVE_INFINITY;
    for (let c = block * 32; c < block * 32 + 32; c++) values[c] = isDivisor ? x[c]! / scale : 0;
  }
  return { scales, quotients: { values, magnitudes: new Float64Array(x.length).fill(1) } };
}
