/** Weights as the GPU-style baseline holds them: float32, since gpu.js knows no other type of array. */
import { forward, type LlamaConfig, type LlamaOp } from '../../models/llama.js';
import type { GgufFile, WeightInfo } from '../formats/gguf.js';
import { dequantize } from '../formats/quantize.js';

/** Row by row for processors; column by column for GPUs, where neighbouring threads take neighbouring rows. */
export type MatrixLayout = 'rows' | 'columns';

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

export interface BaselineWeights {
  readonly embedding: Matrix;
  /** By the place of the op in `forward(config)`. */
  readonly matrices: ReadonlyMap<number, Matrix>;
  readonly norms: ReadonlyMap<number, Float32Array>;
}

/** Bytes of all weights in float32 as they lie in device memory; a tied head lies there twice. */
export function deviceWeightBytes(config: LlamaConfig): number {
  const bytes = (op: LlamaOp): number => {
    if (op.kind === 'embedding') return config.vocabSize * config.hiddenSize;
    if (op.kind === 'rmsnorm') return config.hiddenSize;
    return op.kind === 'matmul' ? op.inFeatures * op.outFeatures.reduce((a, b) => a + b, 0) : 0;
  };
  return 4 * forward(config).reduce((sum, op) => sum + bytes(op), 0);
}

export interface WeightRead {
  readonly file: GgufFile;
  readonly config: LlamaConfig;
  readonly infos: ReadonlyMap<string, WeightInfo>;
  readonly layout: MatrixLayout;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((loadedBytes: number, totalBytes: number) => void) | undefined;
}

/** Reads and dequantises all weights; those of one op lie under each other in one matrix. */
export async function readWeights(read: WeightRead): Promise<BaselineWeights> {
  const { config, infos, layout } = read;
  const totalBytes = [...infos.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  let loadedBytes = 0;
  const floats = async (name: string): Promise<Float32Array> => {
    read.signal?.throwIfAborted();
    const info = infos.get(name)!;
    const bytes = new Uint8Array(info.byteLength);
    await read.file.source.read(info.offset, bytes);
    loadedBytes = Math.min(totalBytes, loadedBytes + info.byteLength);
    read.onProgress?.(loadedBytes, totalBytes);
    return dequantize(bytes, info.type);
  };
  const matrices = new Map<number, Matrix>();
  const norms = new Map<number, Float32Array>();
  let embedding: Matrix | null = null;
  for (const [at, op] of forward(config).entries()) {
    if (op.kind === 'embedding') {
      const values = await floats(op.weight);
      embedding = { rows: config.vocabSize, columns: config.hiddenSize, values };
    }
    if (op.kind === 'rmsnorm') norms.set(at, await floats(op.weight));
    if (op.kind === 'matmul') {
      const rows = op.outFeatures.reduce((a, b) => a + b, 0);
      const values = new Float32Array(rows * op.inFeatures);
      let filled = 0;
      for (const weight of op.weights) {
        const part = await floats(weight);
        values.set(part, filled);
        filled += part.length;
      }
      const columns = op.inFeatures;
      matrices.set(at, { rows, columns, values: layout === 'rows' ? values : transpose(values, columns) });
    }
  }
  return { embedding: embedding!, matrices, norms };
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

/** cos and sin of every angle [context][headDim / 2]. */
export function ropeTables(
  config: LlamaConfig,
  factors: Float32Array,
  context: number,
): { cos: Float32Array; sin: Float32Array } {
  const half = config.headDim / 2;
  const cos = new Float32Array(context * half);
  const sin = new Float32Array(context * half);
  for (let position = 0; position < context; position++) {
    for (let i = 0; i < half; i++) {
      const angle = (position * config.ropeTheta ** ((-2 * i) / config.headDim)) / factors[i]!;
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
