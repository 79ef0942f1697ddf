/** The bytes of Q1_0. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  for (let i = 0; i < 128; i++) into.codes[i] = (view.getUint8(offset + 2 + (i >>> 3)) >>> (i & 7)) & 1;
};
