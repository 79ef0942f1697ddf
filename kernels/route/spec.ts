import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface RouteShape {
  readonly experts: number;
  readonly top: number;
}

/** Bytes that the kernel needs beside its operands. */
export function scratchBytes(experts: number, groups: number): number {
  return 8 * (experts + 4) + 4 * groups;
}

export const route: KernelSpec<RouteShape> = {
  name: 'route',
  computes:
    'out [2 top]: the numbers of the best of logits [experts], then the weights that their scores give them',
  flops: ({ experts, top }) => (4 + top) * experts + 3 * top,
  bytesRead: ({ experts }) => 8 * experts,
  bytesWritten: ({ top }) => 8 * top,
  tolerance: {
    maxError: ({ experts, top }) => (2 * (experts + top) + 16) * ROUNDING,
    nmse: AVERAGE_NMSE * 16,
    reason:
      'Numbers are exact. In parts of a weight: exp and the other functions are within a few roundings, and both sums ' +
      'have at most one rounding a term. Logits that choose must lie farther apart than that.',
  },
};
