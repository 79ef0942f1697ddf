import { type MatrixShape, packedBytes } from '../pack/spec.js';
import { quantizedBytes } from '../quantize/spec.js';
import { isBlockType, quantOf } from '../quants/index.js';
import { isBlockQuant } from '../quants/quant.js';
import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

/** Bytes of one x as matvec and matmul take it. */
export function inputBytes({ type, columns }: Pick<MatrixShape, 'type' | 'columns'>): number {
  return isBlockType(type) ? quantizedBytes({ columns }) : 4 * columns;
}

/** Terms that one value of y adds up in f32: columns, or spans of block types, whose integer sums are exact. */
export function terms({ type, columns }: Pick<MatrixShape, 'type' | 'columns'>): number {
  const quant = quantOf(type);
  return isBlockQuant(quant) ? (columns / quant.span) * (quant.hasMins ? 2 : 1) : columns;
}

export const matvec: KernelSpec<MatrixShape> = {
  name: 'matvec',
  computes: 'y [rows] = W [rows, columns] x [columns]; x is quantised when W has blocks',
  flops: ({ rows, columns }) => 2 * rows * columns,
  bytesRead: (shape) => packedBytes(shape) + inputBytes(shape),
  bytesWritten: ({ rows }) => 4 * Math.ceil(rows / 8) * 8,
  tolerance: {
    maxError: (shape) => (terms(shape) + 4) * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason:
      'A sum of n products in any order has at most n roundings per product (Higham, "Accuracy and Stability of ' +
      'Numerical Algorithms", 3.1); a span adds the roundings of two scales. In ' +
      'types with mins, magnitudes are those of both parts of an element.',
  },
};
