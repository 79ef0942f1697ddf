/** The grids of the IQ types: which of all vectors of four or eight magnitudes an index means, as data of the formats. */
import type { Block } from './quant.js';

/** Words of four hexadecimal digits. */
export function gridOf(text: string): Uint16Array {
  return Uint16Array.from(text.trim().split(/\s+/), (word) => Number.parseInt(word, 16));
}

/** The eight signs that seven bits mean: an even number of them is negative. */
export function signsOf(bits: number): number {
  let parity = bits;
  for (const shift of [4, 2, 1]) parity ^= parity >> shift;
  return bits | ((parity & 1) << 7);
}

/** Eight codes: two bits of a vector of a grid each, and above them the bit of a sign. */
export function placeEight(codes: Uint8Array, at: number, vector: number, signs: number): void {
  for (let i = 0; i < 8; i++) codes[at + i] = ((vector >>> (2 * i)) & 3) | (((signs >>> i) & 1) << 2);
}

/** Four codes: three bits of a vector of a grid each, and above them the bit of a sign. */
export function placeFour(codes: Uint8Array, at: number, vector: number, signs: number): void {
  for (let i = 0; i < 4; i++) codes[at + i] = ((vector >>> (3 * i)) & 7) | (((signs >>> i) & 1) << 3);
}

/** Sixteen scales of four bits, which mean 1, 3, ... 31. */
export function readNibbleScales(view: DataView, offset: number, into: Block): void {
  for (let s = 0; s < 16; s++) {
    into.scales[s] = 2 * ((view.getUint8(offset + (s >>> 1)) >>> (4 * (s & 1))) & 15) + 1;
  }
}
