/**
 * Conversions between float32 and the bytes of weight types. Quantising rounds exactly as ggml's reference does
 * (`quantize_row_*_ref` in ggml-quants.c), so files written here equal those of llama.cpp's converters.
 */
import { OptionError } from '../core/errors.js';
import { bytesOfElements, tensorType, type WeightType } from './tensor-types.js';

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The bits of a number as IEEE half precision, rounded to nearest, ties to even. */
export function toF16(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200 | (mantissa >>> 13));
  const e = exponent - 112;
  if (e >= 31) return sign | 0x7c00;
  if (e <= 0) {
    if (e < -10) return sign;
    const full = mantissa | 0x800000;
    return sign | roundShift(full, 14 - e);
  }
  // A mantissa that rounds up to 1024 carries into the exponent, as it should; the largest become infinity.
  return sign | ((e << 10) + roundShift(mantissa, 13));
}

/** `value / 2^shift`, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const half = 1 << (shift - 1);
  const rest = value & ((1 << shift) - 1);
  const down = value >>> shift;
  return rest > half || (rest === half && (down & 1) === 1) ? down + 1 : down;
}

/** The number that half-precision bits stand for. */
export function fromF16(bits: number): number {
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** The bits of a number as bfloat16, rounded to nearest, ties to even; a NaN stays one. */
export function toBf16(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 64;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The number that bfloat16 bits stand for. */
export function fromBf16(bits: number): number {
  u32[0] = bits << 16;
  return f32[0]!;
}

/** Writes one block, `x[start, start + blockElements)`, at `offset` of the view. */
type PackBlock = (x: Float32Array, start: number, view: DataView, offset: number) => void;
/** Reads one block at `offset` of the view to `y[start, start + blockElements)`. */
type UnpackBlock = (view: DataView, offset: number, y: Float32Array, start: number) => void;

function packQ8(x: Float32Array, start: number, view: DataView, offset: number): void {
  let largest = 0;
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(x[start + i]!));
  const d = Math.fround(largest / 127);
  const inverse = d === 0 ? 0 : Math.fround(1 / d);
  view.setUint16(offset, toF16(d), true);
  for (let i = 0; i < 32; i++) {
    const scaled = Math.fround(x[start + i]! * inverse);
    // Half away from zero, like C's roundf; Math.round takes halves up.
    view.setInt8(offset + 2 + i, Math.sign(scaled) * Math.round(Math.abs(scaled)));
  }
}

function packQ4(x: Float32Array, start: number, view: DataView, offset: number): void {
  let extreme = 0;
  for (let i = 0; i < 32; i++) {
    const value = x[start + i]!;
    if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  }
  const d = Math.fround(extreme / -8);
  const inverse = d === 0 ? 0 : Math.fround(1 / d);
  view.setUint16(offset, toF16(d), true);
  const quant = (value: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)));
  for (let i = 0; i < 16; i++) {
    view.setUint8(offset + 2 + i, quant(x[start + i]!) | (quant(x[start + 16 + i]!) << 4));
  }
}

const codecs: { readonly [T in WeightType]: { readonly pack: PackBlock; readonly unpack: UnpackBlock } } = {
  F32: {
    pack: (x, start, view, offset) => view.setFloat32(offset, x[start]!, true),
    unpack: (view, offset, y, start) => {
      y[start] = view.getFloat32(offset, true);
    },
  },
  F16: {
    pack: (x, start, view, offset) => view.setUint16(offset, toF16(x[start]!), true),
    unpack: (view, offset, y, start) => {
      y[start] = fromF16(view.getUint16(offset, true));
    },
  },
  BF16: {
    pack: (x, start, view, offset) => view.setUint16(offset, toBf16(x[start]!), true),
    unpack: (view, offset, y, start) => {
      y[start] = fromBf16(view.getUint16(offset, true));
    },
  },
  Q8_0: {
    pack: packQ8,
    unpack: (view, offset, y, start) => {
      const d = fromF16(view.getUint16(offset, true));
      for (let i = 0; i < 32; i++) y[start + i] = d * view.getInt8(offset + 2 + i);
    },
  },
  Q4_0: {
    pack: packQ4,
    unpack: (view, offset, y, start) => {
      const d = fromF16(view.getUint16(offset, true));
      for (let i = 0; i < 16; i++) {
        const pair = view.getUint8(offset + 2 + i);
        y[start + i] = d * ((pair & 15) - 8);
        y[start + 16 + i] = d * ((pair >>> 4) - 8);
      }
    },
  },
};

/** x [n] in float32 -> bytes of weight type `type`; n is a whole number of blocks, else OptionError. */
export function quantize(x: Float32Array, type: WeightType): Uint8Array<ArrayBuffer> {
  const { blockElements, blockBytes } = tensorType(type);
  if (x.length % blockElements !== 0)
    throw wholeBlocks(type, `${x.length} elements`, blockElements, 'elements');
  const bytes = new Uint8Array(bytesOfElements(type, x.length));
  const view = new DataView(bytes.buffer);
  const { pack } = codecs[type];
  for (let i = 0, offset = 0; i < x.length; i += blockElements, offset += blockBytes)
    pack(x, i, view, offset);
  return bytes;
}

/** Bytes of weight type `type` -> y [n] in float32; they are a whole number of blocks, else OptionError. */
export function dequantize(bytes: Uint8Array, type: WeightType): Float32Array<ArrayBuffer> {
  const { blockElements, blockBytes } = tensorType(type);
  if (bytes.length % blockBytes !== 0) throw wholeBlocks(type, `${bytes.length} bytes`, blockBytes, 'bytes');
  const y = new Float32Array((bytes.length / blockBytes) * blockElements);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { unpack } = codecs[type];
  for (let i = 0, offset = 0; i < y.length; i += blockElements, offset += blockBytes)
    unpack(view, offset, y, i);
  return y;
}

function wholeBlocks(type: WeightType, given: string, size: number, unit: string): OptionError {
  return new OptionError({
    what: `${type} data`,
    given,
    expected: `a multiple of ${size} ${unit}`,
    todo: 'Give whole blocks, or take a type without blocks.',
  });
}
