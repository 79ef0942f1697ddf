/** The bytes of Q4_1. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  into.min = -fromF16(view.getUint16(offset + 2, true));
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 4 + i);
    into.codes[i] = pair & 15;
    into.codes[16 + i] = pair >>> 4;
  }
};
