import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

/** One head; dim is even. */
export interface RopeShape {
  readonly dim: number;
}

export const rope: KernelSpec<RopeShape> = {
  name: 'rope',
  computes: 'x [dim]: pairs (2i, 2i + 1) turned by position * theta^(-2i / dim) / factors[i]',
  flops: ({ dim }) => 3 * dim,
  bytesRead: ({ dim }) => 8 * dim,
  bytesWritten: ({ dim }) => 4 * dim,
  tolerance: {
    maxError: () => 4 * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason:
      'In parts of |x0| + |x1|: the roundings of cos or sin in the table, of the product and of the sum.',
  },
};
