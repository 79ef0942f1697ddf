/** Conversions between float32 and the bytes of weight types, by the codecs of kernels/quants. */
import { quantOf, type WeightType } from '../../kernels/quants/index.js';
import { type BlockQuant, emptyBlock, isBlockQuant, valuesOf } from '../../kernels/quants/quant.js';
import { OptionError } from '../core/errors.js';

/** Whether values can be written as this type, and not only read. */
export function isQuantizable(type: WeightType): boolean {
  return quantOf(type).pack !== null;
}

/** x [n] in float32 -> bytes of weight type `type`; n is a whole number of blocks, else OptionError. */
export function quantize(x: Float32Array, type: WeightType): Uint8Array<ArrayBuffer> {
  const { block, bytes, pack } = quantOf(type);
  if (x.length % block !== 0) throw wholeBlocks(type, `${x.length} elements`, block, 'elements');
  if (pack === null) {
    throw new OptionError({
      what: 'weight type',
      given: `${type}, which is only read`,
      expected: 'a type that waferflow writes',
      todo: 'Take, for example, Q4_K or Q8_0.',
    });
  }
  const data = new Uint8Array((x.length / block) * bytes);
  const view = new DataView(data.buffer);
  for (let i = 0, offset = 0; i < x.length; i += block, offset += bytes) pack(x, i, view, offset);
  return data;
}

/** Bytes of weight type `type` -> y [n] in float32; they are a whole number of blocks, else OptionError. */
export function dequantize(data: Uint8Array, type: WeightType): Float32Array<ArrayBuffer> {
  const quant = quantOf(type);
  const { block, bytes } = quant;
  if (data.length % bytes !== 0) throw wholeBlocks(type, `${data.length} bytes`, bytes, 'bytes');
  const y = new Float32Array((data.length / bytes) * block);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (isBlockQuant(quant)) dequantizeBlocks(quant, view, y);
  else for (let i = 0; i < y.length; i++) y[i] = quant.read(view, i * bytes);
  return y;
}

function dequantizeBlocks(quant: BlockQuant, view: DataView, y: Float32Array): void {
  const { block, bytes, span, hasMins } = quant;
  const decoded = emptyBlock(quant);
  const { scales, mins, codes } = decoded;
  const values = valuesOf(quant);
  for (let i = 0, offset = 0; i < y.length; i += block, offset += bytes) {
    quant.decode(view, offset, decoded);
    for (let c = 0, s = 0; c < block; s++) {
      const scale = Math.fround(decoded.scale * scales[s]!);
      const min = Math.fround(decoded.min * mins[s]!);
      for (const end = c + span; c < end; c++) {
        const value = Math.fround(scale * values[codes[c]!]!);
        y[i + c] = hasMins ? value - min : value;
      }
    }
  }
}

function wholeBlocks(type: WeightType, given: string, size: number, unit: string): OptionError {
  return new OptionError({
    what: `${type} data`,
    given,
    expected: `a multiple of ${size} ${unit}`,
    todo: 'Give whole blocks, or take a type without blocks.',
  });
}
