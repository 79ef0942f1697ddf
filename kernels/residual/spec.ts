import { type KernelSpec, ROUNDING } from '../spec.js';

export interface ResidualShape {
  readonly n: number;
}

export const residual: KernelSpec<ResidualShape> = {
  name: 'residual',
  computes: 'x [n] += y [n]',
  flops: ({ n }) => n,
  bytesRead: ({ n }) => 8 * n,
  bytesWritten: ({ n }) => 4 * n,
  tolerance: {
    maxError: () => ROUNDING,
    nmse: ROUNDING ** 2,
    reason: 'One rounding, in parts of |x + y|.',
  },
};
