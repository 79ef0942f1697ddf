/** The bytes of TQ2_0. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 64, true));
  for (let i = 0; i < 64; i++) {
    const four = view.getUint8(offset + i);
    const at = (i & 32) * 4 + (i & 31);
    for (let j = 0; j < 4; j++) into.codes[at + 32 * j] = (four >>> (2 * j)) & 3;
  }
};
