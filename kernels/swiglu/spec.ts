import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface SwigluShape {
  readonly n: number;
}

export const swiglu: KernelSpec<SwigluShape> = {
  name: 'swiglu',
  computes: 'gate [n] = gate / (1 + exp(-gate)) * up [n]',
  flops: ({ n }) => 5 * n,
  bytesRead: ({ n }) => 8 * n,
  bytesWritten: ({ n }) => 4 * n,
  tolerance: {
    maxError: () => 7 * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason:
      'In parts of |gate up|: less than 4 roundings of exp (a relative error below 2e-7) and those of sum, quotient ' +
      'and product. exp stops at e^88, so a gate far below -88 gives gate / e^88 for what is 0 in f32.',
  },
};
