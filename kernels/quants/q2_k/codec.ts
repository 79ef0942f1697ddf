/** The bytes of Q2_K. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 80, true));
  into.min = fromF16(view.getUint16(offset + 82, true));
  for (let s = 0; s < 16; s++) {
    const pair = view.getUint8(offset + s);
    into.scales[s] = pair & 15;
    into.mins[s] = pair >>> 4;
  }
  for (let i = 0; i < 64; i++) {
    const four = view.getUint8(offset + 16 + i);
    const at = (i & 32) * 4 + (i & 31);
    for (let j = 0; j < 4; j++) into.codes[at + 32 * j] = (four >>> (2 * j)) & 3;
  }
};
