/** The bytes of Q5_1. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  into.min = -fromF16(view.getUint16(offset + 2, true));
  const high = view.getUint32(offset + 4, true);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 8 + i);
    into.codes[i] = (pair & 15) | (((high >>> i) & 1) << 4);
    into.codes[16 + i] = (pair >>> 4) | (((high >>> (i + 16)) & 1) << 4);
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + 32; i++) {
    low = Math.min(low, x[i]!);
    high = Math.max(high, x[i]!);
  }
  const d = Math.fround(Math.fround(high - low) / 31);
  const inverse = d === 0 ? 0 : Math.fround(1 / d);
  view.setUint16(offset, toF16(d), true);
  view.setUint16(offset + 2, toF16(low), true);
  const code = (value: number) =>
    Math.min(31, Math.trunc(Math.fround(Math.fround(Math.fround(value - low) * inverse) + 0.5)));
  let high5 = 0;
  for (let i = 0; i < 16; i++) {
    const first = code(x[start + i]!);
    const second = code(x[start + 16 + i]!);
    view.setUint8(offset + 8 + i, (first & 15) | ((second & 15) << 4));
    high5 |= ((first >>> 4) << i) | ((second >>> 4) << (i + 16));
  }
  view.setUint32(offset + 4, high5 >>> 0, true);
};
