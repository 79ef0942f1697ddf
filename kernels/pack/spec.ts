import { isBlockType, type KernelSpec, type KernelType } from '../spec.js';

export interface MatrixShape {
  readonly type: KernelType;
  readonly rows: number;
  readonly columns: number;
}

/** Bytes of a packed group of eight rows per column; block scales have widened from f16 to f32. */
const groupBytesPerColumn: Readonly<Record<KernelType, number>> = {
  F32: 32,
  F16: 16,
  BF16: 16,
  Q8_0: 288 / 32,
  Q4_0: 160 / 32,
};

/** Bytes of one row per column in a file. */
const rowBytesPerColumn: Readonly<Record<KernelType, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  Q8_0: 34 / 32,
  Q4_0: 18 / 32,
};

/** Bytes of a packed matrix: whole groups of eight rows. */
export function packedBytes({ type, rows, columns }: MatrixShape): number {
  return Math.ceil(rows / 8) * columns * groupBytesPerColumn[type];
}

/** Bytes of the same matrix in a file. */
export function rawBytes({ type, rows, columns }: MatrixShape): number {
  return rows * columns * rowBytesPerColumn[type];
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

/** Columns per group of equal scales: 32 in block types, 1 in float types. */
export function blockColumns(type: KernelType): number {
  return isBlockType(type) ? 32 : 1;
}
