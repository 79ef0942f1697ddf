/** The bytes of IQ4_XS. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  const highs = view.getUint16(offset + 2, true);
  for (let s = 0; s < 8; s++) {
    const low = (view.getUint8(offset + 4 + (s >>> 1)) >>> (4 * (s & 1))) & 15;
    into.scales[s] = (low | (((highs >>> (2 * s)) & 3) << 4)) - 32;
    for (let i = 0; i < 16; i++) {
      const pair = view.getUint8(offset + 8 + 16 * s + i);
      into.codes[32 * s + i] = pair & 15;
      into.codes[32 * s + 16 + i] = pair >>> 4;
    }
  }
};
