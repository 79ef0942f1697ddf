/** The bytes of Q3_K. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { codeFor, fitScale, scaleCode } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 108, true));
  for (let s = 0; s < 16; s++) {
    const low = (view.getUint8(offset + 96 + (s & 7)) >>> (s < 8 ? 0 : 4)) & 15;
    const high = (view.getUint8(offset + 104 + (s & 3)) >>> (2 * (s >>> 2))) & 3;
    into.scales[s] = (low | (high << 4)) - 32;
  }
  for (let i = 0; i < 256; i++) {
    const part = i >>> 5;
    const low = (view.getUint8(offset + 32 + ((i >>> 7) << 5) + (i & 31)) >>> (2 * (part & 3))) & 3;
    const high = (view.getUint8(offset + (i & 31)) >>> part) & 1;
    into.codes[i] = low | (high << 2);
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  const fits = Array.from({ length: 16 }, (_, s) => fitScale(x, start + 16 * s, 16, 3));
  const extreme = fits.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const scaleBits = toF16(extreme / -32);
  const d = fromF16(scaleBits);
  const scales = fits.map((scale) => scaleCode(scale, d, -32, 31));
  const code = (i: number): number => codeFor(x[start + i]!, d * scales[i >>> 4]!, 0, 4, 7);
  const bytes = new Uint8Array(108);
  for (let s = 0; s < 16; s++) {
    const six = scales[s]! + 32;
    bytes[96 + (s & 7)]! |= (six & 15) << (s < 8 ? 0 : 4);
    bytes[104 + (s & 3)]! |= (six >>> 4) << (2 * (s >>> 2));
  }
  for (let i = 0; i < 256; i++) {
    const part = i >>> 5;
    const three = code(i);
    bytes[32 + ((i >>> 7) << 5) + (i & 31)]! |= (three & 3) << (2 * (part & 3));
    bytes[i & 31]! |= (three >>> 2) << part;
  }
  bytes.forEach((byte, i) => {
    view.setUint8(offset + i, byte);
  });
  view.setUint16(offset + 108, scaleBits, true);
};
