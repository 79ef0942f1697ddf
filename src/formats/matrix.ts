/**
 * Tensors that are not stored as they are wanted: views over stored ones that are turned, cut, stacked or of another type
 * when their rows are read. Nothing is held but the run of rows that was read last.
 */
import { FormatError } from '../core/errors.js';
import { dequantize, quantize } from './quantize.js';
import { bytesOfElements, tensorType, type WeightType } from './tensor-types.js';

export interface Matrix {
  /** For messages: file and tensor. */
  readonly what: string;
  readonly type: WeightType;
  /** Slowest dimension first. */
  readonly shape: readonly number[];
  /** Fills `target`, whole rows, with those from `row` on. */
  read(row: number, target: Uint8Array): Promise<void>;
}

export const rowsOf = ({ shape }: Matrix): number => shape.slice(0, -1).reduce((a, b) => a * b, 1);
export const columnsOf = ({ shape }: Matrix): number => shape.at(-1)!;
export const elementsOf = ({ shape }: Matrix): number => shape.reduce((a, b) => a * b, 1);
export const rowBytes = (matrix: Matrix): number => bytesOfElements(matrix.type, columnsOf(matrix));

export function disagrees(matrix: Matrix, expected: string): FormatError {
  return new FormatError({
    what: matrix.what,
    given: `[${matrix.shape.join(', ')}]`,
    expected,
    todo: 'The files of the folder disagree: fetch it again.',
  });
}

/** The run of rows that was read last, of whichever matrix: neighbours of a row are mostly wanted next. */
export class LastRun {
  private owner: Matrix | null = null;
  private start = -1;
  private bytes = new Uint8Array(0);

  async get(matrix: Matrix, start: number, rows: number): Promise<Uint8Array> {
    if (this.owner === matrix && this.start === start) return this.bytes;
    const bytes = new Uint8Array(rows * rowBytes(matrix));
    await matrix.read(start, bytes);
    [this.owner, this.start, this.bytes] = [matrix, start, bytes];
    return bytes;
  }
}

/** The same elements under another shape, whose rows are as long. */
export function shaped(matrix: Matrix, shape: readonly number[]): Matrix {
  if (shape.at(-1) === columnsOf(matrix) && shape.reduce((a, b) => a * b, 1) === elementsOf(matrix))
    return { ...matrix, shape, read: (row, target) => matrix.read(row, target) };
  throw disagrees(matrix, `what fits in [${shape.join(', ')}]`);
}

/** Of every `period` rows the `count` from `first` on. */
export function part(matrix: Matrix, period: number, first: number, count: number): Matrix {
  const rows = rowsOf(matrix);
  if (!Number.isInteger(period) || period < 1 || rows % period !== 0 || first + count > period)
    throw disagrees(matrix, `rows in runs of ${period}, as config.json says`);
  const bytes = rowBytes(matrix);
  return {
    ...matrix,
    shape: [(rows / period) * count, columnsOf(matrix)],
    async read(row, target) {
      for (let at = 0; at < target.length; ) {
        const inRun = row % count;
        const size = Math.min(count - inRun, (target.length - at) / bytes);
        await matrix.read(
          Math.floor(row / count) * period + first + inRun,
          target.subarray(at, at + size * bytes),
        );
        row += size;
        at += size * bytes;
      }
    },
  };
}

/** Row i of every run of `period` is row `from(i)` of it. */
export function permuted(matrix: Matrix, period: number, from: (i: number) => number, last: LastRun): Matrix {
  if (!Number.isInteger(period) || period < 1 || rowsOf(matrix) % period !== 0)
    throw disagrees(matrix, `rows in runs of ${period}, as config.json says`);
  const bytes = rowBytes(matrix);
  return {
    ...matrix,
    async read(row, target) {
      for (let at = 0; at < target.length; at += bytes, row++) {
        const run = await last.get(matrix, row - (row % period), period);
        const start = from(row % period) * bytes;
        target.set(run.subarray(start, start + bytes), at);
      }
    },
  };
}

/** Matrices of the same width one under the other; `isStacked`: along a dimension of their own. */
export function joined(matrices: readonly Matrix[], { isStacked = false } = {}): Matrix {
  const [first] = matrices as [Matrix, ...Matrix[]];
  for (const other of matrices) {
    const fits = isStacked
      ? String(other.shape) === String(first.shape)
      : columnsOf(other) === columnsOf(first);
    if (!fits || other.type !== first.type)
      throw disagrees(other, `[${first.shape.join(', ')}] of ${first.type}, as ${first.what}`);
  }
  const starts = [0];
  for (const matrix of matrices) starts.push(starts.at(-1)! + rowsOf(matrix));
  const bytes = rowBytes(first);
  return {
    ...first,
    shape: isStacked ? [matrices.length, ...first.shape] : [starts.at(-1)!, columnsOf(first)],
    async read(row, target) {
      let i = 0;
      for (let at = 0; at < target.length; ) {
        while (row >= starts[i + 1]!) i++;
        const size = Math.min(starts[i + 1]! - row, (target.length - at) / bytes);
        await matrices[i]!.read(row - starts[i]!, target.subarray(at, at + size * bytes));
        row += size;
        at += size * bytes;
      }
    },
  };
}

/** Rows and columns changed, of every matrix of a stack. */
export function transposed(matrix: Matrix, last: LastRun): Matrix {
  const [columns, rows] = matrix.shape.slice(-2) as [number, number];
  const { blockBytes: size, blockElements } = tensorType(matrix.type);
  if (blockElements > 1 || matrix.shape.length < 2) throw disagrees(matrix, 'a matrix of single values');
  return {
    ...matrix,
    shape: [...matrix.shape.slice(0, -2), rows, columns],
    async read(row, target) {
      for (let at = 0; at < target.length; row++) {
        const run = await last.get(matrix, Math.floor(row / rows) * columns, columns);
        let from = (row % rows) * size;
        for (let column = 0; column < columns; column++, from += rows * size)
          for (let byte = 0; byte < size; byte++) target[at++] = run[from + byte]!;
      }
    },
  };
}

/** Every element by a function of itself and its row, in float32. */
export function mapped(matrix: Matrix, change: (value: number, row: number) => number): Matrix {
  if (tensorType(matrix.type).blockElements > 1) throw disagrees(matrix, 'a matrix of single values');
  const columns = columnsOf(matrix);
  return decoded({ ...matrix }, 'F32', async (row, values) => {
    const bytes = new Uint8Array((values.length / columns) * rowBytes(matrix));
    await matrix.read(row, bytes);
    const stored = dequantize(bytes, matrix.type);
    for (let i = 0; i < values.length; i++) values[i] = change(stored[i]!, row + Math.floor(i / columns));
  });
}

/** A matrix whose rows come as float32 and are kept in `type`. */
export function decoded(
  { what, shape }: Pick<Matrix, 'what' | 'shape'>,
  type: WeightType,
  rows: (row: number, values: Float32Array<ArrayBuffer>) => Promise<void>,
): Matrix {
  const { blockBytes, blockElements } = tensorType(type);
  return {
    what,
    shape,
    type,
    async read(row, target) {
      const values = new Float32Array((target.length / blockBytes) * blockElements);
      await rows(row, values);
      target.set(type === 'F32' ? new Uint8Array(values.buffer) : quantize(values, type));
    },
  };
}

/** A small tensor in float32, as every GGUF file has norms and biases, perhaps under another shape. */
export function small(
  matrix: Matrix,
  shape: readonly number[] = matrix.shape,
  change: (value: number) => number = (value) => value,
): Matrix {
  if (shape.reduce((a, b) => a * b, 1) !== elementsOf(matrix))
    throw disagrees(matrix, `what fits in [${shape.join(', ')}]`);
  let values: Promise<Uint8Array> | undefined;
  const load = async (): Promise<Uint8Array> => {
    const bytes = new Uint8Array(bytesOfElements(matrix.type, elementsOf(matrix)));
    await matrix.read(0, bytes);
    return new Uint8Array(dequantize(bytes, matrix.type).map(change).buffer);
  };
  const bytes = 4 * shape.at(-1)!;
  return {
    ...matrix,
    type: 'F32',
    shape,
    async read(row, target) {
      values ??= load();
      target.set((await values).subarray(row * bytes, row * bytes + target.length));
    },
  };
}

/** Numbers as a matrix. */
export function constant(what: string, values: Float32Array<ArrayBuffer>): Matrix {
  const bytes = new Uint8Array(values.buffer);
  return {
    what,
    type: 'F32',
    shape: [values.length],
    read: (_, target) => {
      target.set(bytes.subarray(0, target.length));
      return Promise.resolve();
    },
  };
}

/** Reads any bytes of a matrix, whose own reads are whole rows. */
export async function readBytes(matrix: Matrix, offset: number, target: Uint8Array): Promise<void> {
  const size = rowBytes(matrix);
  let at = 0;
  const within = async (): Promise<void> => {
    const row = new Uint8Array(size);
    await matrix.read(Math.floor((offset + at) / size), row);
    const from = (offset + at) % size;
    const piece = row.subarray(from, Math.min(size, from + target.length - at));
    target.set(piece, at);
    at += piece.length;
  };
  if (offset % size !== 0) await within();
  const whole = Math.floor((target.length - at) / size) * size;
  // Conversions take memory of their own, so they go by pieces.
  const piece = Math.max(1, Math.floor((8 << 20) / size)) * size;
  for (const end = at + whole; at < end; ) {
    const next = Math.min(end, at + piece);
    await matrix.read((offset + at) / size, target.subarray(at, next));
    at = next;
  }
  if (at < target.length) await within();
}
