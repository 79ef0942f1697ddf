import { inputBytes, matvec, terms } from '../matvec/spec.js';
import { type MatrixShape, packedBytes } from '../pack/spec.js';
import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface MatmulShape extends MatrixShape {
  /** How many x there are. */
  readonly count: number;
}

/** Bytes of scratch for `count` x, without folds. */
export function scratchBytes(columns: number, count: number): number {
  return 128 + (20 + 2 * count) * columns;
}

export const matmul: KernelSpec<MatmulShape> = {
  name: 'matmul',
  computes:
    'Y [count, rows] = X [count, columns] W^T, W [rows, columns]; each row of Y has the bits of matvec',
  flops: (shape) => shape.count * matvec.flops(shape),
  bytesRead: (shape) => packedBytes(shape) + shape.count * inputBytes(shape),
  bytesWritten: (shape) => shape.count * matvec.bytesWritten(shape),
  tolerance: {
    maxError: (shape) => (terms(shape) + 4) * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason: 'It is matvec for several x.',
  },
};
