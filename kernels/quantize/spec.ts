import { type KernelSpec, ROUNDING } from '../spec.js';

/** One activation vector; columns is a multiple of 32. */
export interface QuantizeShape {
  readonly columns: number;
}

/** Bytes of a quantised vector: columns as int16 and as int8, per block an f32 scale and the i32 sums of its halves. */
export function quantizedBytes({ columns }: QuantizeShape): number {
  return Math.ceil((columns * 3 + (columns / 32) * 12) / 64) * 64;
}

export const quantize: KernelSpec<QuantizeShape> = {
  name: 'quantize',
  computes: 'x [columns] -> per block of 32: scale = max |x| / 127 and int8 quants = round(x / scale)',
  flops: ({ columns }) => 3 * columns,
  bytesRead: ({ columns }) => 4 * columns,
  bytesWritten: quantizedBytes,
  tolerance: {
    maxError: () => 0.5 + 127 * 4 * ROUNDING,
    nmse: 0.5 ** 2,
    reason:
      'In parts of the scale: half a step, and near a tie the roundings of scale, its inverse and the product ' +
      '(three, of a quotient of at most 127) decide which way.',
  },
};
