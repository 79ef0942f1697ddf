/** The bytes of MXFP4. */
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = 2 ** (view.getUint8(offset) - 128);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 1 + i);
    into.codes[i] = pair & 15;
    into.codes[16 + i] = pair >>> 4;
  }
};
