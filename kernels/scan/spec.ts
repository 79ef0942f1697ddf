import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface ScanShape {
  readonly headDim: number;
  readonly stateSize: number;
  /** Positions that the state has seen. */
  readonly positions: number;
}

export const scan: KernelSpec<ScanShape> = {
  name: 'scan',
  computes:
    'a head of Mamba: state = exp(dt a) state + dt x b^T, out [headDim] = state c + d x, dt = softplus(in)',
  flops: ({ headDim, stateSize }) => 6 * headDim * stateSize,
  bytesRead: ({ headDim, stateSize }) => 4 * headDim * stateSize + 8 * stateSize,
  bytesWritten: ({ headDim, stateSize }) => 4 * headDim * stateSize,
  tolerance: {
    maxError: ({ stateSize, positions }) => (stateSize + 40 * positions + 10) * ROUNDING,
    nmse: AVERAGE_NMSE * 16,
    reason:
      'In parts of what the sums of absolute terms would be: each position rounds the state a few times and its decay ' +
      'is off by as many roundings as dt a is large; the sum over the state adds one rounding a term.',
  },
};
