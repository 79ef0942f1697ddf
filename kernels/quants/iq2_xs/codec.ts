/** The bytes of IQ2_XS. */
import { fromF16 } from '../../../src/core/half.js';
import { placeEight, readNibbleScales, signsOf } from '../grid.js';
import type { BlockQuant } from '../quant.js';
import { grid } from './grid.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true)) / 8;
  for (let i = 0; i < 32; i++) {
    const word = view.getUint16(offset + 2 + 2 * i, true);
    placeEight(into.codes, 8 * i, grid[word & 511]!, signsOf(word >>> 9));
  }
  readNibbleScales(view, offset + 66, into);
};
