import type { GpuMatrix, GpuThread, GpuVector } from '../gpu.js';

export interface MatmulConstants {
  readonly rows: number;
  readonly columns: number;
  readonly tokens: number;
  /** Columns of one part. */
  readonly partColumns: number;
}

/**
 * Y [parts][tokens][rows] = X [tokens][columns] W^T, W column by column [columns][rows], so that neighbouring threads
 * read neighbouring weights. Part p holds the products of its own columns.
 */
export function matmul(this: GpuThread<MatmulConstants>, w: GpuMatrix, x: GpuVector, count: number): number {
  const group = Math.floor((this.thread.x + 0.5) / this.constants.rows);
  const part = Math.floor((group + 0.5) / this.constants.tokens);
  const token = group - part * this.constants.tokens;
  if (token >= count) return 0;
  const row = this.thread.x - group * this.constants.rows;
  const from = part * this.constants.partColumns;
  const at = token * this.constants.columns;
  let sum = 0;
  for (let i = 0; i < this.constants.partColumns; i++) {
    if (from + i < this.constants.columns) sum += w[from + i]![row]! * x[at + from + i]!;
  }
  return sum;
}
