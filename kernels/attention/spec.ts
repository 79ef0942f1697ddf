import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

/** One query head over the KV cache of one sequence. */
export interface AttentionShape {
  readonly dim: number;
  /** Positions attended to, at least 1. */
  readonly length: number;
  /** 4 for an f32 KV cache, 2 for int16. */
  readonly kvValueBytes: 2 | 4;
  /** The largest sum of |q k| * scale over the positions. */
  readonly scoreMagnitude: number;
}

/**
 * Bytes of one page of one layer: 32 positions of K and V of all KV heads, dims rounded up to a multiple of 4, and a
 * scale per head and position where they are int16; `valueDim` is 0 where values are in the keys.
 */
export function pageBytes(kvHeads: number, dim: number, valueDim: number, kvValueBytes: number): number {
  const part = (width: number): number => {
    if (width === 0) return 0;
    return Math.ceil(width / 4) * 4 * kvValueBytes + (kvValueBytes === 2 ? 2 : 0);
  };
  return kvHeads * 32 * (part(dim) + part(valueDim));
}

export const attention: KernelSpec<AttentionShape> = {
  name: 'attention',
  computes: 'out [dim] = softmax(q [dim] K^T * scale) V; K, V [length, dim] in pages of 32 positions',
  flops: ({ dim, length }) => 4 * dim * length + 5 * length + dim,
  bytesRead: ({ dim, length, kvValueBytes }) => 4 * dim + 2 * length * Math.ceil(dim / 4) * 4 * kvValueBytes,
  bytesWritten: ({ dim }) => 4 * dim,
  tolerance: {
    maxError: ({ dim, length, scoreMagnitude }) =>
      (2 * (dim + 3) * scoreMagnitude + 2 * length + 16) * ROUNDING,
    nmse: 4 * AVERAGE_NMSE,
    reason:
      'In parts of the weighted sum of |V|. An absolute error of a score, dim + 3 roundings of its absolute terms, is ' +
      'a relative error of its weight; weights stand in the sum of V and in the sum that divides it, each with ' +
      'length roundings and an error of exp below 4 roundings.',
  },
};

/** The same over a cache of int16, from what the int16 of q, K and V stand for. */
export const attentionOfInt16: KernelSpec<AttentionShape> = {
  ...attention,
  name: 'attentionOfInt16',
  tolerance: {
    maxError: (shape) => attention.tolerance.maxError(shape) + (shape.length + 1) * 2 ** -13,
    nmse: 2 ** -26,
    reason:
      'In parts of the sum of weight * the largest of |V|. As attention, but weights times scales of V become integers up ' +
      'to 8191: half of one for each position, in parts of the largest of a block.',
  },
};
