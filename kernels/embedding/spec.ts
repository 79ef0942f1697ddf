import { blockColumns, type MatrixShape, packedBytes } from '../pack/spec.js';
import { type KernelSpec, ROUNDING } from '../spec.js';

/** One row of the matrix is read. */
export type EmbeddingShape = Pick<MatrixShape, 'type' | 'columns'>;

export const embedding: KernelSpec<EmbeddingShape> = {
  name: 'embedding',
  computes: 'x [columns] = W[row] as f32, W [rows, columns]',
  flops: ({ type, columns }) => (blockColumns(type) === 1 ? 0 : columns),
  bytesRead: ({ type, columns }) => packedBytes({ type, rows: 8, columns }) / 8,
  bytesWritten: ({ columns }) => 4 * columns,
  tolerance: {
    maxError: ({ type }) => (blockColumns(type) === 1 ? 0 : ROUNDING),
    nmse: ROUNDING ** 2,
    reason: 'Floats widen exactly; scale * quant is one rounding.',
  },
};
