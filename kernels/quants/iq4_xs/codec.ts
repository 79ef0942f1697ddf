/** The bytes of IQ4_XS. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { fitTable, nearest, scaleCode } from '../fit.js';
import { values } from '../iq4_nl/codec.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  const highs = view.getUint16(offset + 2, true);
  for (let s = 0; s < 8; s++) {
    const low = (view.getUint8(offset + 4 + (s >>> 1)) >>> (4 * (s & 1))) & 15;
    into.scales[s] = (low | (((highs >>> (2 * s)) & 3) << 4)) - 32;
    for (let i = 0; i < 16; i++) {
      const pair = view.getUint8(offset + 8 + 16 * s + i);
      into.codes[32 * s + i] = pair & 15;
      into.codes[32 * s + 16 + i] = pair >>> 4;
    }
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  const fits = Array.from({ length: 8 }, (_, s) => fitTable(x, start + 32 * s, 32, values));
  const extreme = fits.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const scaleBits = toF16(extreme / -32);
  const d = fromF16(scaleBits);
  const scales = fits.map((scale) => scaleCode(scale, d, -32, 31));
  const code = (i: number): number => {
    const scale = d * scales[i >>> 5]!;
    return scale === 0 ? 8 : nearest(values, x[start + i]! / scale);
  };
  let highs = 0;
  for (let s = 0; s < 8; s++) {
    highs |= ((scales[s]! + 32) >>> 4) << (2 * s);
    if (s % 2 === 0) {
      view.setUint8(offset + 4 + s / 2, ((scales[s]! + 32) & 15) | (((scales[s + 1]! + 32) & 15) << 4));
    }
    for (let i = 0; i < 16; i++) {
      view.setUint8(offset + 8 + 16 * s + i, code(32 * s + i) | (code(32 * s + 16 + i) << 4));
    }
  }
  view.setUint16(offset, scaleBits, true);
  view.setUint16(offset + 2, highs, true);
};
