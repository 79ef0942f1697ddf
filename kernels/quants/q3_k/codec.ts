/** The bytes of Q3_K. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 108, true));
  for (let s = 0; s < 16; s++) {
    const low = (view.getUint8(offset + 96 + (s & 7)) >>> (s < 8 ? 0 : 4)) & 15;
    const high = (view.getUint8(offset + 104 + (s & 3)) >>> (2 * (s >>> 2))) & 3;
    into.scales[s] = (low | (high << 4)) - 32;
  }
  for (let i = 0; i < 256; i++) {
    const part = i >>> 5;
    const low = (view.getUint8(offset + 32 + ((i >>> 7) << 5) + (i & 31)) >>> (2 * (part & 3))) & 3;
    const high = (view.getUint8(offset + (i & 31)) >>> part) & 1;
    into.codes[i] = low | (high << 2);
  }
};
