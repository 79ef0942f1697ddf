import type { GpuMatrix, GpuThread, GpuVector } from '../gpu.js';

export interface EmbeddingConstants {
  readonly columns: number;
}

/** X [tokens][columns] = W[ids[token]]. */
export function embedding(
  this: GpuThread<EmbeddingConstants>,
  w: GpuMatrix,
  ids: GpuVector,
  count: number,
): number {
  const token = Math.floor((this.thread.x + 0.5) / this.constants.columns);
  if (token >= count) return 0;
  return w[ids[token]!]![this.thread.x - token * this.constants.columns]!;
}

/** x [columns] = X[count - 1]: the one token whose logits are wanted. */
export function lastToken(this: GpuThread<EmbeddingConstants>, x: GpuVector, count: number): number {
  return x[(count - 1) * this.constants.columns + this.thread.x]!;
}
