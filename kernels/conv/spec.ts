import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

export interface ConvShape {
  readonly channels: number;
  readonly length: number;
}

export const conv: KernelSpec<ConvShape> = {
  name: 'conv',
  computes: 'out [channels] = act(sum over the last `length` inputs of weight [channels, length] * x + bias)',
  flops: ({ channels, length }) => 2 * channels * length,
  bytesRead: ({ channels, length }) => 8 * channels * length,
  bytesWritten: ({ channels, length }) => 4 * channels * length,
  tolerance: {
    maxError: ({ length }) => (length + 33) * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason:
      'A product and a sum per position, one sum for the bias, and 32 roundings for silu as in activation.',
  },
};
