import { quantOf, type WeightType } from '../quants/index.js';
import { packedBlockBytes } from '../quants/quant.js';
import type { KernelSpec } from '../spec.js';

export interface MatrixShape {
  readonly type: WeightType;
  readonly rows: number;
  readonly columns: number;
}

/** Bytes of a packed matrix: whole groups of eight rows. */
export function packedBytes({ type, rows, columns }: MatrixShape): number {
  const quant = quantOf(type);
  return Math.ceil(rows / 8) * (columns / quant.block) * packedBlockBytes(quant);
}

/** Bytes of the same matrix in a file. */
export function rawBytes({ type, rows, columns }: MatrixShape): number {
  const { block, bytes } = quantOf(type);
  return rows * (columns / block) * bytes;
}

export const pack: KernelSpec<MatrixShape> = {
  name: 'pack',
  computes:
    'rows of a file [rows, columns] -> groups of eight rows, a SIMD lane per row; rows after the last are 0',
  flops: () => 0,
  bytesRead: rawBytes,
  bytesWritten: packedBytes,
  tolerance: {
    maxError: () => 0,
    nmse: 0,
    reason: 'It moves bits; the scales of blocks widen from f16 to f32, which is exact.',
  },
};
