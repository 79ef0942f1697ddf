import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

/** `logits`: streams to read by, or twice as many to write by too, or as many more as pairs of streams to mix by. */
export interface StreamsShape {
  readonly streams: number;
  readonly iterations: number;
}

export const weighStreams: KernelSpec<StreamsShape> = {
  name: 'streams',
  computes:
    'out [logits] = sigmoid of logits * scale + base, the first [streams] plus eps, the next times a magnitude plus another; ' +
    'behind them a matrix [from][to]: softmax over `to`, then columns and rows divided by their sums by turns',
  flops: ({ streams, iterations }) => 8 * streams * (2 + streams * (1 + iterations)),
  bytesRead: ({ streams }) => 8 * streams * (2 + streams),
  bytesWritten: ({ streams }) => 4 * streams * (2 + streams),
  tolerance: {
    maxError: ({ streams, iterations }) => (32 + (streams + 2) * (2 * iterations + 1)) * ROUNDING,
    nmse: 16 * AVERAGE_NMSE,
    reason:
      'In parts of the value times what its logit is made of: exp is within a few roundings of what it is given, each ' +
      'division by a sum of all streams rounds once for each of them.',
  },
};

export const writeStreams: KernelSpec<{ readonly streams: number; readonly features: number }> = {
  name: 'streams',
  computes:
    'out [streams][features] = weight of each stream * from [features] + the streams, or what a matrix mixes of them',
  flops: ({ streams, features }) => 2 * (streams + 1) * streams * features,
  bytesRead: ({ streams, features }) => 4 * (streams + 1) * (features + streams),
  bytesWritten: ({ streams, features }) => 4 * streams * features,
  tolerance: {
    maxError: ({ streams }) => (streams + 2) * ROUNDING,
    nmse: AVERAGE_NMSE,
    reason: 'A product and a sum round once for each of the streams.',
  },
};
