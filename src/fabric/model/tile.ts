/** A tile of a stored weight matrix in one PE, and its product with the PE's part of an activation. */
import { quantOf } from '../../../kernels/quants/index.js';
import { type BlockQuant, emptyBlock, isBlockQuant, valuesOf } from '../../../kernels/quants/quant.js';
import type { WeightRef } from '../../../models/op.js';
import { dequantize } from '../../formats/quantize.js';
import { bytesOfElements, type WeightType } from '../../formats/tensor-types.js';
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

/** A quantised activation: int8 with a scale per 32 columns. */
export interface Activation {
  readonly scales: Float32Array;
  readonly quants: Int8Array;
}

/** The spans of a tile of a block type, each with the scale and the min that its elements have. */
export interface Spans {
  readonly columns: number;
  readonly scales: Float32Array;
  /** Null for types without mins. */
  readonly mins: Float32Array | null;
  readonly quants: Int8Array;
}

/** Columns under one scale in an activation. */
const BLOCK = 32;

/** Rows and columns of a weight in a PE's SRAM, in the file's own encoding. */
export class WeightTile {
  readonly rows: number;
  readonly columns: number;
  readonly type: WeightType;
  private readonly buffer: Buffer;
  /** The tile decoded, so that the simulator does it once and not for every token. */
  private floats: Float32Array | null = null;
  private spans: Spans | null = null;

  constructor(pe: Pe, name: string, type: WeightType, rows: number, columns: number) {
    this.rows = rows;
    this.columns = columns;
    this.type = type;
    this.buffer = pe.buffer(name, 'bytes', rows * bytesOfElements(type, columns));
  }

  /** Copies the tile out of the stored weight, or out of the rows of it that `part` means. */
  load(weight: StoredWeight, rows: Span, columns: Span, part?: WeightRef['rows']): void {
    const rowBytes = bytesOfElements(weight.type, weight.columns);
    const first = bytesOfElements(weight.type, columns.first);
    const end = bytesOfElements(weight.type, columns.end);
    const target = this.buffer.u8;
    for (let r = rows.first; r < rows.end; r++) {
      const stored = part === undefined ? r : storedRow(part, weight.rows, r);
      target.set(
        weight.bytes.subarray(stored * rowBytes + first, stored * rowBytes + end),
        (r - rows.first) * (end - first),
      );
    }
    this.floats = null;
    this.spans = null;
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
    const quant = quantOf(this.type);
    if (!isBlockQuant(quant)) {
      this.floats ??= dequantize(this.bytes, this.type);
      return matvec(this.floats, x, this.rows);
    }
    this.spans ??= decodeSpans(this.bytes, quant);
    return timesSpans(this.spans, quantizeActivation(x), this.rows, this.columns);
  }
}

/** Where row `r` of a part lies in the stored tensor of `rows` rows. */
export function storedRow(
  { groups, first, count }: NonNullable<WeightRef['rows']>,
  rows: number,
  r: number,
): number {
  return Math.floor(r / count) * (rows / groups) + first + (r % count);
}

export function decodeSpans(bytes: Uint8Array, quant: BlockQuant): Spans {
  const { block, span, hasMins } = quant;
  const blocks = bytes.length / quant.bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const perBlock = block / span;
  const scales = new Float32Array(blocks * perBlock);
  const mins = new Float32Array(blocks * perBlock);
  const quants = new Int8Array(blocks * block);
  const decoded = emptyBlock(quant);
  const values = valuesOf(quant);
  for (let b = 0; b < blocks; b++) {
    quant.decode(view, b * quant.bytes, decoded);
    for (let i = 0; i < block; i++) quants[b * block + i] = values[decoded.codes[i]!]!;
    for (let s = 0; s < perBlock; s++) {
      scales[b * perBlock + s] = decoded.scale * decoded.scales[s]!;
      mins[b * perBlock + s] = decoded.min * decoded.mins[s]!;
    }
  }
  return { columns: span, scales, mins: hasMins ? mins : null, quants };
}

/** Per block of 32: d = max |x| / 127, q = x / d to the nearest, ties to even. */
export function quantizeActivation(x: Float32Array): Activation {
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

/** Span by span: the exact integer dot times (scale * activation scale), less min * (activation sum * activation scale). */
function timesSpans(w: Spans, x: Activation, rows: number, columns: number): Float32Array {
  const y = new Float32Array(rows);
  const spans = columns / w.columns;
  for (let r = 0; r < rows; r++) {
    let total = 0;
    for (let s = 0; s < spans; s++) {
      const first = s * w.columns;
      let dot = 0;
      let sum = 0;
      for (let i = first; i < first + w.columns; i++) {
        dot += w.quants[r * columns + i]! * x.quants[i]!;
        sum += x.quants[i]!;
      }
      const d = x.scales[Math.floor(first / BLOCK)]!;
      const scale = Math.fround(w.scales[r * spans + s]! * d);
      total = Math.fround(total + Math.fround(dot * scale));
      if (w.mins !== null)
        total = Math.fround(total - Math.fround(w.mins[r * spans + s]! * Math.fround(sum * d)));
    }
    y[r] = total;
  }
  return y;
}
