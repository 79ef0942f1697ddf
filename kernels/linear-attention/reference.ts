import type { Reference } from '../spec.js';

/** What a head reads at a position; `decay` [1] or [keyDim] is the logarithm of what stays. */
export interface LinearAttentionInput {
  readonly q: ArrayLike<number>;
  readonly k: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly decay: ArrayLike<number>;
  readonly beta: number;
}

/** A head over all positions from a state of zeros; the last one's result. */
export function linearAttention(
  positions: readonly LinearAttentionInput[],
  isDelta: boolean,
  scale: number,
): Reference {
  const keyDim = positions[0]!.k.length;
  const valueDim = positions[0]!.v.length;
  const state = new Float64Array(keyDim * valueDim);
  const sizes = new Float64Array(keyDim * valueDim);
  const values = new Float64Array(valueDim);
  const magnitudes = new Float64Array(valueDim);
  for (const { q, k, v, decay, beta } of positions) {
    for (let j = 0; j < valueDim; j++) {
      let change = v[j]!;
      let size = Math.abs(change);
      for (let i = 0; i < keyDim; i++) {
        const at = i * valueDim + j;
        const kept = Math.exp(decay[decay.length === 1 ? 0 : i]!);
        state[at]! *= kept;
        sizes[at]! *= kept;
        if (!isDelta) continue;
        change -= state[at]! * k[i]!;
        size += sizes[at]! * Math.abs(k[i]!);
      }
      values[j] = 0;
      magnitudes[j] = 0;
      for (let i = 0; i < keyDim; i++) {
        const at = i * valueDim + j;
        state[at]! += k[i]! * change * beta;
        sizes[at]! += Math.abs(k[i]! * beta) * size;
        values[j]! += scale * state[at]! * q[i]!;
        magnitudes[j]! += Math.abs(scale * q[i]!) * sizes[at]!;
      }
    }
  }
  return { values, magnitudes };
}
