/** The bytes of Q2_K. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { codeFor, fitScaleMin, scaleCode } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 80, true));
  into.min = fromF16(view.getUint16(offset + 82, true));
  for (let s = 0; s < 16; s++) {
    const pair = view.getUint8(offset + s);
    into.scales[s] = pair & 15;
    into.mins[s] = pair >>> 4;
  }
  for (let i = 0; i < 64; i++) {
    const four = view.getUint8(offset + 16 + i);
    const at = (i & 32) * 4 + (i & 31);
    for (let j = 0; j < 4; j++) into.codes[at + 32 * j] = (four >>> (2 * j)) & 3;
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  const fits = Array.from({ length: 16 }, (_, s) => fitScaleMin(x, start + 16 * s, 16, 3));
  const scaleBits = toF16(Math.max(...fits.map(({ scale }) => scale)) / 15);
  const minBits = toF16(Math.max(...fits.map(({ min }) => min)) / 15);
  const [d, least] = [fromF16(scaleBits), fromF16(minBits)];
  const scales = Uint8Array.from(fits, ({ scale }) => scaleCode(scale, d, 0, 15));
  const mins = Uint8Array.from(fits, ({ min }) => scaleCode(min, least, 0, 15));
  const code = (i: number): number => {
    const s = i >>> 4;
    return codeFor(x[start + i]!, d * scales[s]!, least * mins[s]!, 0, 3);
  };
  for (let s = 0; s < 16; s++) view.setUint8(offset + s, scales[s]! | (mins[s]! << 4));
  for (let i = 0; i < 64; i++) {
    const at = (i & 32) * 4 + (i & 31);
    const four = [0, 1, 2, 3].reduce((bits, j) => bits | (code(at + 32 * j) << (2 * j)), 0);
    view.setUint8(offset + 16 + i, four);
  }
  view.setUint16(offset + 80, scaleBits, true);
  view.setUint16(offset + 82, minBits, true);
};
