/** The bytes of Q4_K. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';
import { readScales } from '../six-bit-scales.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  into.min = fromF16(view.getUint16(offset + 2, true));
  readScales(view, offset + 4, into);
  for (let i = 0; i < 128; i++) {
    const pair = view.getUint8(offset + 16 + i);
    const at = (i >>> 5) * 64 + (i & 31);
    into.codes[at] = pair & 15;
    into.codes[at + 32] = pair >>> 4;
  }
};
