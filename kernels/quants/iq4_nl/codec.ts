/** The bytes of IQ4_NL. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { fitTable, nearest } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 2 + i);
    into.codes[i] = pair & 15;
    into.codes[16 + i] = pair >>> 4;
  }
};

/** What the nibbles mean. */
export const values = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

export const pack: PackBlock = (x, start, view, offset) => {
  const scaleBits = toF16(fitTable(x, start, 32, values));
  const d = fromF16(scaleBits);
  const code = (i: number): number => (d === 0 ? 8 : nearest(values, x[start + i]! / d));
  view.setUint16(offset, scaleBits, true);
  for (let i = 0; i < 16; i++) view.setUint8(offset + 2 + i, code(i) | (code(16 + i) << 4));
};
