import type { KernelSpec } from '../spec.js';

export interface ArgmaxShape {
  readonly n: number;
}

export const argmax: KernelSpec<ArgmaxShape> = {
  name: 'argmax',
  computes:
    'the index of the largest of x [n], the lowest among equals; never a NaN while a number above -Infinity is there',
  flops: ({ n }) => n,
  bytesRead: ({ n }) => 4 * n,
  bytesWritten: () => 0,
  tolerance: { maxError: () => 0, nmse: 0, reason: 'Comparisons are exact.' },
};

export const logSumExp: KernelSpec<ArgmaxShape> = {
  name: 'logSumExp',
  computes: 'log(sum(exp(x))) of x [n] in f64',
  flops: ({ n }) => 4 * n + 1,
  bytesRead: ({ n }) => 8 * n,
  bytesWritten: () => 0,
  tolerance: {
    maxError: ({ n }) => (n + 8) * 2 ** -53,
    nmse: 2 ** -100,
    reason: 'In parts of |largest x| + |log of the sum|: n roundings of an f64 sum and those of exp and log.',
  },
};
