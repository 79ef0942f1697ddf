import { type MatrixShape, packedBytes } from '../pack/spec.js';
import { isBlockType } from '../quants/index.js';
import type { KernelSpec } from '../spec.js';

/** One row of the matrix is read. */
export type EmbeddingShape = Pick<MatrixShape, 'type' | 'columns'>;

export const embedding: KernelSpec<EmbeddingShape> = {
  name: 'embedding',
  computes: 'x [columns] = W[row] as f32, W [rows, columns]',
  flops: ({ type, columns }) => (isBlockType(type) ? columns : 0),
  bytesRead: ({ type, columns }) => packedBytes({ type, rows: 8, columns }) / 8,
  bytesWritten: ({ columns }) => 4 * columns,
  tolerance: {
    maxError: () => 0,
    nmse: 0,
    reason: 'Floats widen exactly; blocks have the bits of their codec.',
  },
};
