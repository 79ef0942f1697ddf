import type { GpuThread, GpuVector } from '../gpu.js';

export interface PartsConstants {
  readonly parts: number;
  /** Values of one part. */
  readonly size: number;
}

/** x [size] + the sum of y [parts][size]. */
export function residual(this: GpuThread<PartsConstants>, x: GpuVector, y: GpuVector): number {
  let sum = x[this.thread.x]!;
  for (let p = 0; p < this.constants.parts; p++) sum += y[p * this.constants.size + this.thread.x]!;
  return sum;
}

/** The sum of y [parts][size]. */
export function sumOfParts(this: GpuThread<PartsConstants>, y: GpuVector): number {
  let sum = 0;
  for (let p = 0; p < this.constants.parts; p++) sum += y[p * this.constants.size + this.thread.x]!;
  return sum;
}
