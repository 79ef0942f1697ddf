/** The bytes of Q4_0: f16 scale, 16 bytes with the first half of the block low and the second high. Rounds as ggml's reference does. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 2 + i);
    into.codes[i] = pair & 15;
    into.codes[16 + i] = pair >>> 4;
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  let extreme = 0;
  for (let i = 0; i < 32; i++) {
    const value = x[start + i]!;
    if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  }
  const d = Math.fround(extreme / -8);
  const inverse = d === 0 ? 0 : Math.fround(1 / d);
  view.setUint16(offset, toF16(d), true);
  const quant = (value: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)));
  for (let i = 0; i < 16; i++) {
    view.setUint8(offset + 2 + i, quant(x[start + i]!) | (quant(x[start + 16 + i]!) << 4));
  }
};
