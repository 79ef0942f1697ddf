import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface WkvShape {
  readonly dim: number;
  /** Positions that the state has seen. */
  readonly positions: number;
}

export const wkv: KernelSpec<WkvShape> = {
  name: 'wkv',
  computes:
    'a head of RWKV: 6: out = (S + u k v^T)^T r, S = diag(w) S + k v^T; 7: S = S diag(w) + (S a) b^T + v k^T, out = S r',
  flops: ({ dim }) => 8 * dim * dim,
  bytesRead: ({ dim }) => 8 * dim * dim,
  bytesWritten: ({ dim }) => 4 * dim * dim,
  tolerance: {
    maxError: ({ dim, positions }) => positions * (2 * dim + 12) * ROUNDING,
    nmse: AVERAGE_NMSE * 64,
    reason:
      'In parts of what the sums of absolute terms would be: each position takes up to two sums over the head and rounds ' +
      'the state a few times.',
  },
};
