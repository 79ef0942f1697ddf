/** Where a model on the fabric takes its numbers from. */
import type { RopeTable, WeightRef } from '../../../models/op.js';
import { dequantize } from '../../formats/quantize.js';
import { type StoredWeight, storedRow } from './tile.js';

export interface ModelSource {
  /** A stored tensor by its name. */
  weight(name: string): StoredWeight;
  /** [cos, sin] for each pair of a rotation at a position, with the bits that the runtime uses. */
  angles(table: RopeTable, position: number): Float32Array;
}

/** A small tensor as f32, as an op reads it. */
export function smallTensor(
  { weight }: Pick<ModelSource, 'weight'>,
  { name, rows, shape, plus = 0, isInverse }: WeightRef,
): Float32Array {
  const { bytes, type } = weight(name);
  const all = dequantize(bytes, type);
  const width = all.length / shape[0]!;
  const values =
    rows === undefined
      ? all
      : Float32Array.from({ length: rows.groups * rows.count * width }, (_, i) => {
          const row = storedRow(rows, shape[0]!, Math.floor(i / width));
          return all[row * width + (i % width)]!;
        });
  return plus || isInverse ? values.map((value) => (isInverse ? 1 / value : value) + plus) : values;
}
