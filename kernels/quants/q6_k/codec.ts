/** The bytes of Q6_K. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 208, true));
  for (let s = 0; s < 16; s++) into.scales[s] = view.getInt8(offset + 192 + s);
  for (let i = 0; i < 64; i++) {
    const high = view.getUint8(offset + 128 + i);
    const half = i & 32;
    const at = half * 4 + (i & 31);
    const first = view.getUint8(offset + half * 2 + (i & 31));
    const second = view.getUint8(offset + half * 2 + 32 + (i & 31));
    into.codes[at] = (first & 15) | ((high & 3) << 4);
    into.codes[at + 32] = (second & 15) | (((high >>> 2) & 3) << 4);
    into.codes[at + 64] = (first >>> 4) | (((high >>> 4) & 3) << 4);
    into.codes[at + 96] = (second >>> 4) | ((high >>> 6) << 4);
  }
};
