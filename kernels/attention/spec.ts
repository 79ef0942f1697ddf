import { AVERAGE_NMSE, type KernelSpec, ROUNDING } from '../spec.js';

/** One query head over the KV cache of one sequence. */
export interface AttentionShape {
  readonly dim: number;
  /** Positions attended to, at least 1. */
  readonly length: number;
  /** 4 for an f32 KV cache, 2 for f16. */
  readonly kvValueBytes: 2 | 4;
  /** The largest sum of |q k| * scale over the positions. */
  readonly scoreMagnitude: number;
}

/** Bytes of one page of one layer: 32 positions of K and V of all KV heads, dims rounded up to a multiple of 4. */
export function pageBytes(kvHeads: number, dim: number, valueDim: number, kvValueBytes: number): number {
  return kvHeads * 32 * (Math.ceil(dim / 4) + Math.ceil(valueDim / 4)) * 4 * kvValueBytes;
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
      'length roundings and an error of exp below 4 roundings. An f16 cache holds what half precision holds: values ' +
      'beyond it come back as 65536, and it has no NaN.',
  },
};
