/** The bytes of IQ2_S. */
import { fromF16 } from '../../../src/core/half.js';
import { placeEight, readNibbleScales } from '../grid.js';
import type { BlockQuant } from '../quant.js';
import { grid } from './grid.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true)) / 8;
  for (let i = 0; i < 32; i++) {
    const high = (view.getUint8(offset + 66 + (i >>> 2)) >>> (2 * (i & 3))) & 3;
    const index = view.getUint8(offset + 2 + i) | (high << 8);
    placeEight(into.codes, 8 * i, grid[index]!, view.getUint8(offset + 34 + i));
  }
  readNibbleScales(view, offset + 74, into);
};
