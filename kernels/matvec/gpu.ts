import type { GpuMatrix, GpuThread, GpuVector } from '../gpu.js';

export interface MatvecConstants {
  readonly columns: number;
  /** `columns` rounded down to a multiple of 8. */
  readonly wholeColumns: number;
}

/** y [rows] = W [rows][columns] x [columns], a thread per row; nothing where `count` is 0. */
export function matvec(this: GpuThread<MatvecConstants>, w: GpuMatrix, x: GpuVector, count: number): number {
  if (count < 1) return 0;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let e = 0;
  let f = 0;
  let g = 0;
  let h = 0;
  for (let i = 0; i < this.constants.wholeColumns; i += 8) {
    a += w[this.thread.x]![i]! * x[i]!;
    b += w[this.thread.x]![i + 1]! * x[i + 1]!;
    c += w[this.thread.x]![i + 2]! * x[i + 2]!;
    d += w[this.thread.x]![i + 3]! * x[i + 3]!;
    e += w[this.thread.x]![i + 4]! * x[i + 4]!;
    f += w[this.thread.x]![i + 5]! * x[i + 5]!;
    g += w[this.thread.x]![i + 6]! * x[i + 6]!;
    h += w[this.thread.x]![i + 7]! * x[i + 7]!;
  }
  for (let j = this.constants.wholeColumns; j < this.constants.columns; j++) {
    a += w[this.thread.x]![j]! * x[j]!;
  }
  return a + b + (c + d) + (e + f + (g + h));
}
