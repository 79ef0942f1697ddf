import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface LayernormShape {
  readonly columns: number;
}

export const layernorm: KernelSpec<LayernormShape> = {
  name: 'layernorm',
  computes: 'y [columns] = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias',
  flops: ({ columns }) => 8 * columns,
  bytesRead: ({ columns }) => 12 * columns,
  bytesWritten: ({ columns }) => 4 * columns,
  tolerance: {
    maxError: ({ columns }) => (2 * columns + 10) * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason:
      'In parts of |x| + mean(|x|): the mean has at most n roundings of the mean of |x|, the sum of squares of what is ' +
      'left as many, which the square root halves; the other steps add one each.',
  },
};
