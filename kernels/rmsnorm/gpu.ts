import type { GpuThread, GpuVector } from '../gpu.js';

export interface SquareSumConstants {
  readonly columns: number;
  readonly tokens: number;
  /** Columns of one part. */
  readonly partColumns: number;
}

/** s [parts][tokens]: the sum of x^2 over a part's columns of X [tokens][columns]. */
export function squareSums(this: GpuThread<SquareSumConstants>, x: GpuVector, count: number): number {
  const part = Math.floor((this.thread.x + 0.5) / this.constants.tokens);
  const token = this.thread.x - part * this.constants.tokens;
  if (token >= count) return 0;
  const from = part * this.constants.partColumns;
  const at = token * this.constants.columns;
  let sum = 0;
  for (let i = 0; i < this.constants.partColumns; i++) {
    if (from + i < this.constants.columns) sum += x[at + from + i]! * x[at + from + i]!;
  }
  return sum;
}

export interface RmsnormConstants {
  readonly columns: number;
  readonly tokens: number;
  readonly parts: number;
  readonly eps: number;
}

/** Y [tokens][columns] = x / sqrt(mean(x^2) + eps) * weight, from the parts of the sum of squares. */
export function rmsnorm(
  this: GpuThread<RmsnormConstants>,
  x: GpuVector,
  squares: GpuVector,
  weight: GpuVector,
  count: number,
): number {
  const token = Math.floor((this.thread.x + 0.5) / this.constants.columns);
  if (token >= count) return 0;
  let sum = 0;
  for (let p = 0; p < this.constants.parts; p++) sum += squares[p * this.constants.tokens + token]!;
  const scale = 1 / Math.sqrt(sum / this.constants.columns + this.constants.eps);
  return x[this.thread.x]! * scale * weight[this.thread.x - token * this.constants.columns]!;
}
