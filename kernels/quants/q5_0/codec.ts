/** The bytes of Q5_0. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  const high = view.getUint32(offset + 2, true);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 6 + i);
    into.codes[i] = (pair & 15) | (((high >>> i) & 1) << 4);
    into.codes[16 + i] = (pair >>> 4) | (((high >>> (i + 16)) & 1) << 4);
  }
};
