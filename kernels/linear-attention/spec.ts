import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface LinearAttentionShape {
  readonly keyDim: number;
  readonly valueDim: number;
  /** Positions that the state has seen. */
  readonly positions: number;
}

export const linearAttention: KernelSpec<LinearAttentionShape> = {
  name: 'linear-attention',
  computes:
    'a head: S [keyDim][valueDim] = diag(e^decay) S, S += k (v - S^T k)^T beta (or k v^T beta), out = scale S^T q',
  flops: ({ keyDim, valueDim }) => 7 * keyDim * valueDim,
  bytesRead: ({ keyDim, valueDim }) => 8 * keyDim * valueDim + 8 * keyDim,
  bytesWritten: ({ keyDim, valueDim }) => 8 * keyDim * valueDim,
  tolerance: {
    maxError: ({ keyDim, positions }) => positions * (3 * keyDim + 40) * ROUNDING,
    nmse: AVERAGE_NMSE * 64,
    reason:
      'In parts of what the sums of absolute terms would be: each position takes two sums over keys, of which one goes ' +
      'into the state, and rounds the state a few times.',
  },
};
