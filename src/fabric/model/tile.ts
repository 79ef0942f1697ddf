/** A tile of a stored weight matrix in one PE, and its product with the PE's part of an activation. */
import { dequantize, fromF16 } from '../../formats/quantize.js';
import { bytesOfElements, tensorType, type WeightType } from '../../formats/tensor-types.js';
import { matvec } from '../local/arithmetic.js';
import type { Buffer, Pe } from '../pe.js';

/** A whole weight as its file has it: `rows` rows of `columns` elements. */
export interface StoredWeight {
  readonly type: WeightType;
  readonly rows: number;
  readonly columns: number;
  readonly bytes: Uint8Array;
}

/** Elements [first, end) of one dimension. */
export interface Span {
  readonly first: number;
  readonly end: number;
}

export const lengthOf = ({ first, end }: Span): number => end - first;

/** Blocks of int8 with one scale each, what a quantised tile and a quantised activation have in common. */
interface Blocks {
  readonly scales: Float32Array;
  readonly quants: Int8Array;
}

const BLOCK = 32;

/** Rows and columns of a weight in a PE's SRAM, in the file's own encoding. */
export class WeightTile {
  readonly rows: number;
  readonly columns: number;
  readonly type: WeightType;
  private readonly buffer: Buffer;
  /** The tile decoded, so that the simulator does it once and not for every token. */
  private floats: Float32Array | null = null;
  private blocks: Blocks | null = null;

  constructor(pe: Pe, name: string, type: WeightType, rows: number, columns: number) {
    this.rows = rows;
    this.columns = columns;
    this.type = type;
    this.buffer = pe.buffer(name, 'bytes', rows * bytesOfElements(type, columns));
  }

  load(weight: StoredWeight, rows: Span, columns: Span): void {
    const rowBytes = bytesOfElements(weight.type, weight.columns);
    const first = bytesOfElements(weight.type, columns.first);
    const end = bytesOfElements(weight.type, columns.end);
    const target = this.buffer.u8;
    for (let r = rows.first; r < rows.end; r++) {
      target.set(
        weight.bytes.subarray(r * rowBytes + first, r * rowBytes + end),
        (r - rows.first) * (end - first),
      );
    }
    this.floats = null;
    this.blocks = null;
  }

  private get bytes(): Uint8Array {
    return this.buffer.u8.subarray(0, this.rows * bytesOfElements(this.type, this.columns));
  }

  /** Row `r` as f32. */
  row(r: number): Float32Array {
    this.floats ??= dequantize(this.bytes, this.type);
    return this.floats.subarray(r * this.columns, (r + 1) * this.columns);
  }

  /** W x [columns] → [rows]: floats column by column, quantised types block by block with exact integer dots. */
  times(x: Float32Array): Float32Array {
    if (tensorType(this.type).blockElements === 1) {
      this.floats ??= dequantize(this.bytes, this.type);
      return matvec(this.floats, x, this.rows);
    }
    this.blocks ??= decodeBlocks(this.bytes, this.type);
    return timesBlocks(this.blocks, quantizeActivation(x), this.rows, this.columns / BLOCK);
  }
}

function decodeBlocks(bytes: Uint8Array, type: WeightType): Blocks {
  const { blockBytes } = tensorType(type);
  const count = bytes.length / blockBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scales = new Float32Array(count);
  const quants = new Int8Array(count * BLOCK);
  for (let b = 0; b < count; b++) {
    scales[b] = fromF16(view.getUint16(b * blockBytes, true));
    for (let i = 0; i < BLOCK; i++) {
      const at = b * blockBytes + 2;
      if (type === 'Q8_0') {
        quants[b * BLOCK + i] = view.getInt8(at + i);
      } else {
        const pair = view.getUint8(at + (i & 15));
        quants[b * BLOCK + i] = (i < 16 ? pair & 15 : pair >> 4) - 8;
      }
    }
  }
  return { scales, quants };
}

/** Per block of 32: d = max |x| / 127, q = x / d to the nearest, ties to even. */
function quantizeActivation(x: Float32Array): Blocks {
  const count = x.length / BLOCK;
  const scales = new Float32Array(count);
  const quants = new Int8Array(x.length);
  for (let b = 0; b < count; b++) {
    let most = 0;
    for (let i = 0; i < BLOCK; i++) most = Math.max(most, Math.abs(x[b * BLOCK + i]!));
    const d = Math.fround(most / 127);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    scales[b] = d;
    for (let i = 0; i < BLOCK; i++)
      quants[b * BLOCK + i] = nearestEven(Math.fround(x[b * BLOCK + i]! * inverse));
  }
  return { scales, quants };
}

function nearestEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

function timesBlocks(w: Blocks, x: Blocks, rows: number, blocks: number): Float32Array {
  const y = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let b = 0; b < blocks; b++) {
      const at = (r * blocks + b) * BLOCK;
      let dot = 0;
      for (let i = 0; i < BLOCK; i++) dot += w.quants[at + i]! * x.quants[b * BLOCK + i]!;
      const scale = Math.fround(w.scales[r * blocks + b]! * x.scales[b]!);
      sum = Math.fround(sum + Math.fround(dot * scale));
    }
    y[r] = sum;
  }
  return y;
}
