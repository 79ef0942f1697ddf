/** The bytes of IQ3_S. */
import { fromF16 } from '../../../src/core/half.js';
import { placeFour } from '../grid.js';
import type { BlockQuant } from '../quant.js';
import { grid } from './grid.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  for (let s = 0; s < 8; s++) {
    into.scales[s] = 2 * ((view.getUint8(offset + 106 + (s >>> 1)) >>> (4 * (s & 1))) & 15) + 1;
  }
  for (let i = 0; i < 64; i++) {
    const high = (view.getUint8(offset + 66 + (i >>> 3)) >>> (i & 7)) & 1;
    const index = view.getUint8(offset + 2 + i) | (high << 8);
    const signs = view.getUint8(offset + 74 + (i >>> 1)) >>> (4 * (i & 1));
    placeFour(into.codes, 4 * i, grid[index]!, signs);
  }
};
