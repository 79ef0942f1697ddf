/** The bytes of Q6_K. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { codeFor, fitScale, scaleCode } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 208, true));
  for (let s = 0; s < 16; s++) into.scales[s] = view.getInt8(offset + 192 + s);
  for (let i = 0; i < 64; i++) {
    const high = view.getUint8(offset + 128 + i);
    const half = i & 32;
    const at = half * 4 + (i & 31);
    const first = view.getUint8(offset + half * 2 + (i & 31));
    const second = view.getUint8(offset + half * 2 + 32 + (i & 31));
    into.codes[at] = (first & 15) | ((high & 3) << 4);
    into.codes[at + 32] = (second & 15) | (((high >>> 2) & 3) << 4);
    into.codes[at + 64] = (first >>> 4) | (((high >>> 4) & 3) << 4);
    into.codes[at + 96] = (second >>> 4) | ((high >>> 6) << 4);
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  const fits = Array.from({ length: 16 }, (_, s) => fitScale(x, start + 16 * s, 16, 31));
  const extreme = fits.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const scaleBits = toF16(extreme / -128);
  const d = fromF16(scaleBits);
  const scales = fits.map((scale) => scaleCode(scale, d, -128, 127));
  const code = (i: number): number => codeFor(x[start + i]!, d * scales[i >>> 4]!, 0, 32, 63);
  for (let i = 0; i < 64; i++) {
    const half = i & 32;
    const at = half * 4 + (i & 31);
    const four = [0, 32, 64, 96].map((step) => code(at + step));
    const [a, b, c, e] = four as [number, number, number, number];
    view.setUint8(offset + half * 2 + (i & 31), (a & 15) | ((c & 15) << 4));
    view.setUint8(offset + half * 2 + 32 + (i & 31), (b & 15) | ((e & 15) << 4));
    const highs = four.reduce((bits, value, j) => bits | ((value >>> 4) << (2 * j)), 0);
    view.setUint8(offset + 128 + i, highs);
  }
  scales.forEach((scale, s) => {
    view.setInt8(offset + 192 + s, scale);
  });
  view.setUint16(offset + 208, scaleBits, true);
};
