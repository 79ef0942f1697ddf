/** The bytes of Q5_K. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { codeFor, fitScaleMin, scaleCode } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';
import { readScales, writeScales } from '../six-bit-scales.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  into.min = fromF16(view.getUint16(offset + 2, true));
  readScales(view, offset + 4, into);
  for (let i = 0; i < 128; i++) {
    const pair = view.getUint8(offset + 48 + i);
    const high = view.getUint8(offset + 16 + (i & 31)) >>> ((i >>> 5) * 2);
    const at = (i >>> 5) * 64 + (i & 31);
    into.codes[at] = (pair & 15) | ((high & 1) << 4);
    into.codes[at + 32] = (pair >>> 4) | ((high & 2) << 3);
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  const fits = Array.from({ length: 8 }, (_, s) => fitScaleMin(x, start + 32 * s, 32, 31));
  const scaleBits = toF16(Math.max(...fits.map(({ scale }) => scale)) / 63);
  const minBits = toF16(Math.max(...fits.map(({ min }) => min)) / 63);
  const [d, least] = [fromF16(scaleBits), fromF16(minBits)];
  const scales = Uint8Array.from(fits, ({ scale }) => scaleCode(scale, d, 0, 63));
  const mins = Uint8Array.from(fits, ({ min }) => scaleCode(min, least, 0, 63));
  const code = (i: number): number => {
    const s = i >>> 5;
    return codeFor(x[start + i]!, d * scales[s]!, least * mins[s]!, 0, 31);
  };
  view.setUint16(offset, scaleBits, true);
  view.setUint16(offset + 2, minBits, true);
  writeScales(view, offset + 4, scales, mins);
  const highs = new Uint8Array(32);
  for (let i = 0; i < 128; i++) {
    const at = (i >>> 5) * 64 + (i & 31);
    const [first, second] = [code(at), code(at + 32)];
    view.setUint8(offset + 48 + i, (first & 15) | ((second & 15) << 4));
    highs[i & 31]! |= ((first >>> 4) | ((second >>> 4) << 1)) << ((i >>> 5) * 2);
  }
  highs.forEach((byte, i) => {
    view.setUint8(offset + 16 + i, byte);
  });
};
