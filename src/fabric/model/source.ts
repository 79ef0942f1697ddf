/** Where a model on the fabric takes its numbers from. */
import type { RopeTable, WeightRef } from '../../../models/op.js';
import { dequantize } from '../../formats/quantize.js';
import type { StoredWeight } from './tile.js';

export interface ModelSource {
  /** A stored tensor by its name. */
  weight(name: string): StoredWeight;
  /** [cos, sin] for each pair of a rotation at a position, with the bits that the runtime uses. */
  angles(table: RopeTable, position: number): Float32Array;
}

/** A small tensor as f32, as an op reads it. */
export function smallTensor(
  { weight }: Pick<ModelSource, 'weight'>,
  { name, plus = 0, isInverse }: WeightRef,
): Float32Array {
  const { bytes, type } = weight(name);
  const values = dequantize(bytes, type);
  return plus || isInverse ? values.map((value) => (isInverse ? 1 / value : value) + plus) : values;
}
