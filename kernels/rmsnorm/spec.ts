import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface RmsnormShape {
  readonly columns: number;
}

export const rmsnorm: KernelSpec<RmsnormShape> = {
  name: 'rmsnorm',
  computes: 'y [columns] = x / sqrt(mean(x^2) + eps) * weight',
  flops: ({ columns }) => 4 * columns,
  bytesRead: ({ columns }) => 8 * columns,
  bytesWritten: ({ columns }) => 4 * columns,
  tolerance: {
    maxError: ({ columns }) => (columns / 2 + 6) * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason:
      'A sum of n squares in any order has at most n roundings, which the square root halves; division, eps, square ' +
      'root, inverse and two products add the rest. x^2 must stay finite in f32: |x| < 1e18.',
  },
};
