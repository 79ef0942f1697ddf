import { type KernelSpec, ROUNDING } from '../spec.js';

export interface ActivationShape {
  readonly n: number;
}

export const activation: KernelSpec<ActivationShape> = {
  name: 'activation',
  computes: 'out [n] = act(x) * by * times',
  flops: ({ n }) => 10 * n,
  bytesRead: ({ n }) => 8 * n,
  bytesWritten: ({ n }) => 4 * n,
  tolerance: {
    maxError: () => 32 * ROUNDING,
    nmse: (8 * ROUNDING) ** 2,
    reason:
      'In parts of |act(x) by| + (|x| + 1) |by|: exp, tanh and erf are within a few roundings of what they are given, ' +
      'the formulas around them add one rounding a step.',
  },
};
