import type { GpuMatrix, GpuThread, GpuVector } from '../gpu.js';

export interface MatvecConstants {
  readonly columns: number;
  /** `columns` rounded down to a multiple of 4. */
  readonly wholeColumns: number;
}

/** y [rows] = W [rows][columns] x [columns], a thread per row; nothing where `count` is 0. */
export function matvec(this: GpuThread<MatvecConstants>, w: GpuMatrix, x: GpuVector, count: number): number {
  if (count < 1) return 0;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < this.constants.wholeColumns; i += 4) {
    a += w[this.thread.x]![i]! * x[i]!;
    b += w[this.thread.x]![i + 1]! * x[i + 1]!;
    c += w[this.thread.x]![i + 2]! * x[i + 2]!;
    d += w[this.thread.x]![i + 3]! * x[i + 3]!;
  }
  for (let j = this.constants.wholeColumns; j < this.constants.columns; j++) {
    a += w[this.thread.x]![j]! * x[j]!;
  }
  return a + b + (c + d);
}
