/** The inverse of the packing: where each element of a matrix lies in its packed bytes. */
import type { MatrixShape } from './spec.js';

/**
 * [rows rounded up to 8, columns], row by row. Block types give their values; float types the bits of each element as
 * an unsigned integer, so that NaN payloads and the sign of zero count too.
 */
export function unpack(packed: DataView, { type, rows, columns }: MatrixShape): Float64Array {
  const padded = Math.ceil(rows / 8) * 8;
  const values = new Float64Array(padded * columns);
  for (let row = 0; row < padded; row++) {
    for (let column = 0; column < columns; column++) {
      const group = Math.floor(row / 8);
      values[row * columns + column] = element(packed, type, columns, group, row % 8, column);
    }
  }
  return values;
}

function element(
  packed: DataView,
  type: MatrixShape['type'],
  columns: number,
  group: number,
  lane: number,
  column: number,
): number {
  const at = group * columns + column;
  if (type === 'F32') return packed.getUint32(at * 32 + lane * 4, true);
  if (type === 'F16' || type === 'BF16') return packed.getUint16(at * 16 + lane * 2, true);
  const c = column % 32;
  const block = (at - c) / 32;
  if (type === 'Q8_0') {
    const quants = block * 288 + 32;
    return (
      packed.getFloat32(block * 288 + lane * 4, true) *
      packed.getInt8(quants + Math.floor(c / 2) * 16 + lane * 2 + (c % 2))
    );
  }
  // Per 8 columns 32 bytes: rows 0-3, then rows 4-7; a row has two 16-bit words, for even and for odd columns.
  const eighth = block * 160 + 32 + Math.floor(c / 8) * 32;
  const word = packed.getUint16(eighth + lane * 4 + (c % 2) * 2, true);
  const nibble = Math.floor(word / 16 ** Math.floor((c % 8) / 2)) % 16;
  return packed.getFloat32(block * 160 + lane * 4, true) * (nibble - 8);
}
