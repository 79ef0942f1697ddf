/** The inverse of the packing (layouts: quants/wasm.ts): where each element of a matrix lies in its packed bytes. */
import { quantOf } from '../quants/index.js';
import { type BlockQuant, isBlockQuant, packedBlockBytes } from '../quants/quant.js';
import { S8S8, U8S8 } from '../quants/variants.js';
import type { MatrixShape } from './spec.js';

/**
 * [rows rounded up to 8, columns], row by row, as a build of this variant packs them. Block types give their values; float
 * types the bits of each element as an unsigned integer, so that NaN payloads and the sign of zero count too.
 */
export function unpack(
  packed: DataView,
  { type, rows, columns }: MatrixShape,
  variant: number,
): Float64Array {
  const quant = quantOf(type);
  const padded = Math.ceil(rows / 8) * 8;
  const values = new Float64Array(padded * columns);
  const bytes = packedBlockBytes(quant);
  for (let row = 0; row < padded; row++) {
    const group = (Math.floor(row / 8) * columns) / quant.block;
    for (let column = 0; column < columns; column++) {
      const at = (group + Math.floor(column / quant.block)) * bytes;
      values[row * columns + column] = isBlockQuant(quant)
        ? blockElement(packed, at, quant, row % 8, column % quant.block, variant)
        : floatBits(packed, at, quant.bytes, row % 8);
    }
  }
  return values;
}

function floatBits(packed: DataView, at: number, bytes: number, lane: number): number {
  return bytes === 4 ? packed.getUint32(at + lane * 4, true) : packed.getUint16(at + lane * 2, true);
}

function blockElement(
  packed: DataView,
  block: number,
  quant: BlockQuant,
  lane: number,
  column: number,
  variant: number,
): number {
  const { span, bits, hasScales, hasMins, codes } = quant;
  const heads = hasMins ? 2 : 1;
  const scale = packed.getFloat32(block + lane * 4, true);
  const min = hasMins ? packed.getFloat32(block + 32 + lane * 4, true) : 0;
  const spanBytes = (hasScales ? heads * 8 : 0) + bits * span;
  const at = block + heads * 32 + Math.floor(column / span) * spanBytes;
  const spanScale = hasScales ? packed.getInt8(at + lane) : 1;
  const spanMin = hasScales && hasMins ? packed.getUint8(at + 8 + lane) : 1;
  const code = codeAt(packed, at + (hasScales ? heads * 8 : 0), bits, lane, column % span, variant);
  const value = 'offset' in codes ? code - codes.offset : codes[code]!;
  // Zeros have no sign here: in rows after the last a scale of 0 meets whatever code stands for nothing.
  return Math.fround(Math.fround(scale * spanScale * value) - Math.fround(min * spanMin)) + 0;
}

function codeAt(
  packed: DataView,
  codes: number,
  bits: BlockQuant['bits'],
  lane: number,
  column: number,
  variant: number,
): number {
  // Eight columns are two vectors per half of the rows, of columns [0 4 1 5] and [2 6 3 7]; a row has four bytes.
  const place = [0, 2, 4, 6, 1, 3, 5, 7][column % 8]!;
  const eight = Math.floor(column / 8);
  const half = Math.floor(place / 4);
  const byte = Math.floor(lane / 4) * 16 + (lane % 4) * 4 + (place % 4);
  if (bits === 8) {
    if (variant === U8S8) return packed.getUint8(codes + eight * 64 + half * 32 + byte);
    if (variant === S8S8) return packed.getInt8(codes + eight * 64 + half * 32 + byte) + 128;
    return packed.getInt8(codes + Math.floor(column / 2) * 16 + lane * 2 + (column % 2)) + 128;
  }
  const width = bits % 4;
  const plane = width === 0 ? 0 : packed.getUint8(codes + byte) >> ((eight * 2 + half) * width);
  const high = plane & ((1 << width) - 1);
  if (bits < 4) return high;
  const pair = packed.getUint8(codes + (width === 0 ? 0 : 32) + eight * 32 + byte);
  return high * 16 + ((pair >> (half * 4)) & 15);
}
