/** The bytes of Q1_0. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  for (let i = 0; i < 128; i++) into.codes[i] = (view.getUint8(offset + 2 + (i >>> 3)) >>> (i & 7)) & 1;
};

export const pack: PackBlock = (x, start, view, offset) => {
  let sum = 0;
  for (let i = start; i < start + 128; i++) sum += Math.abs(x[i]!);
  view.setUint16(offset, toF16(sum / 128), true);
  for (let i = 0; i < 16; i++) {
    let bits = 0;
    for (let j = 0; j < 8; j++) if (x[start + 8 * i + j]! >= 0) bits |= 1 << j;
    view.setUint8(offset + 2 + i, bits);
  }
};
