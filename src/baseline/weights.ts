/** Weights as the GPU-style baseline holds them: float32, since gpu.js knows no other type of array. */
import type { RopeTable, WeightRef } from '../../models/op.js';
import type { GgufFile, WeightInfo } from '../formats/gguf.js';
import { dequantize } from '../formats/quantize.js';

/** Row by row for processors; column by column for GPUs, where neighbouring threads take neighbouring rows. */
export type MatrixLayout = 'rows' | 'columns';

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** All tensors of a model in float32, by name. */
export type BaselineWeights = ReadonlyMap<string, Float32Array>;

export interface WeightRead {
  readonly file: GgufFile;
  readonly tensors: ReadonlyMap<string, WeightInfo>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((loadedBytes: number, totalBytes: number) => void) | undefined;
}

/** Reads and dequantises all weights. */
export async function readWeights(read: WeightRead): Promise<BaselineWeights> {
  const totalBytes = [...read.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  let loadedBytes = 0;
  const weights = new Map<string, Float32Array>();
  for (const [name, info] of read.tensors) {
    read.signal?.throwIfAborted();
    const bytes = new Uint8Array(info.byteLength);
    await read.file.source.read(info.offset, bytes);
    loadedBytes += info.byteLength;
    read.onProgress?.(loadedBytes, totalBytes);
    weights.set(name, dequantize(bytes, info.type));
  }
  return weights;
}

/** Matrices of equal columns under each other. */
export function stacked(
  weights: BaselineWeights,
  refs: readonly WeightRef[],
  columns: number,
  layout: MatrixLayout,
): Matrix {
  const parts = refs.map(({ name }) => weights.get(name)!);
  const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    values.set(part, filled);
    filled += part.length;
  }
  const rows = values.length / columns;
  return { rows, columns, values: layout === 'rows' ? values : transpose(values, columns) };
}

/** [rows][columns] to [columns][rows], in squares that stay in the cache. */
export function transpose(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  const out = new Float32Array(values.length);
  const side = 32;
  for (let row = 0; row < rows; row += side) {
    for (let column = 0; column < columns; column += side) {
      const rowEnd = Math.min(rows, row + side);
      const columnEnd = Math.min(columns, column + side);
      for (let r = row; r < rowEnd; r++) {
        for (let c = column; c < columnEnd; c++) out[c * rows + r] = values[r * columns + c]!;
      }
    }
  }
  return out;
}

/** cos and sin of every angle [context][dims / 2]. */
export function ropeAngles(
  { dims, theta, divisor, factors, magnitude }: RopeTable,
  weights: BaselineWeights,
  context: number,
): { cos: Float32Array; sin: Float32Array } {
  const half = dims / 2;
  const stored = factors && weights.get(factors.short.name);
  const cos = new Float32Array(context * half);
  const sin = new Float32Array(context * half);
  for (let position = 0; position < context; position++) {
    for (let i = 0; i < half; i++) {
      const angle = (position * theta ** ((-2 * i) / dims)) / (divisor * (stored ? stored[i]! : 1));
      cos[position * half + i] = magnitude * Math.cos(angle);
      sin[position * half + i] = magnitude * Math.sin(angle);
    }
  }
  return { cos, sin };
}
