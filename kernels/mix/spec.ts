import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface MixShape {
  readonly top: number;
  readonly n: number;
}

export const mix: KernelSpec<MixShape> = {
  name: 'mix',
  computes: 'out [n] = sum over the chosen of weight * x [top, n], best first',
  flops: ({ top, n }) => 2 * top * n,
  bytesRead: ({ top, n }) => 4 * top * (n + 1),
  bytesWritten: ({ n }) => 4 * n,
  tolerance: {
    maxError: ({ top }) => (top + 1) * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason: 'A product and a sum round once for each of the chosen.',
  },
};
