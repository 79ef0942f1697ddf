import { type MatmulShape, matmul, scratchBytes as matmulScratch } from '../matmul/spec.js';
import type { KernelSpec } from '../spec.js';
import { EXPERT_RUN } from './numbers.js';

export interface ExpertLinearShape extends MatmulShape {
  readonly matrices: number;
  readonly top: number;
}

/** Bytes that a worker needs beside the operands, for `count` tokens whose inputs have `xBytes` each. */
export function scratchBytes(
  { matrices, rows, columns, count, top }: Omit<ExpertLinearShape, 'type'>,
  xBytes: number,
): number {
  const outputs = EXPERT_RUN * Math.ceil(rows / 8) * 32;
  const lists = 4 * (matrices + count * top) + 64;
  return lists + EXPERT_RUN * xBytes + outputs + matmulScratch(columns, EXPERT_RUN);
}

export const expertLinear: KernelSpec<ExpertLinearShape> = {
  name: 'expertLinear',
  computes:
    'y [count, top, rows] = W[chosen] x, W [matrices, rows, columns]; each row of it has the bits of matvec',
  flops: (shape) => shape.top * matmul.flops(shape),
  bytesRead: (shape) =>
    Math.min(shape.matrices, shape.top * shape.count) * matmul.bytesRead({ ...shape, count: 1 }),
  bytesWritten: (shape) => shape.top * matmul.bytesWritten(shape),
  tolerance: {
    maxError: (shape) => matmul.tolerance.maxError(shape),
    nmse: matmul.tolerance.nmse,
    reason: 'It is matvec for each of the chosen, and a weight and a bias round once each.',
  },
};
