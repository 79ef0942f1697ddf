/** The bytes of Q5_0. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  const high = view.getUint32(offset + 2, true);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 6 + i);
    into.codes[i] = (pair & 15) | (((high >>> i) & 1) << 4);
    into.codes[16 + i] = (pair >>> 4) | (((high >>> (i + 16)) & 1) << 4);
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  let extreme = 0;
  for (let i = start; i < start + 32; i++) if (Math.abs(x[i]!) > Math.abs(extreme)) extreme = x[i]!;
  const d = Math.fround(extreme / -16);
  const inverse = d === 0 ? 0 : Math.fround(1 / d);
  view.setUint16(offset, toF16(d), true);
  const code = (value: number) => Math.min(31, Math.trunc(Math.fround(Math.fround(value * inverse) + 16.5)));
  let high5 = 0;
  for (let i = 0; i < 16; i++) {
    const first = code(x[start + i]!);
    const second = code(x[start + 16 + i]!);
    view.setUint8(offset + 6 + i, (first & 15) | ((second & 15) << 4));
    high5 |= ((first >>> 4) << i) | ((second >>> 4) << (i + 16));
  }
  view.setUint32(offset + 2, high5 >>> 0, true);
};
