/** The bytes of IQ1_S. */
import { fromF16 } from '../../../src/core/half.js';
import { placeEight } from '../grid.js';
import type { BlockQuant } from '../quant.js';
import { grid } from './grid.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true)) / 8;
  for (let s = 0; s < 8; s++) {
    const rest = view.getUint16(offset + 34 + 2 * s, true);
    into.scales[s] = 2 * ((rest >>> 12) & 7) + 1;
    const down = rest & 0x8000 ? 255 : 0;
    for (let l = 0; l < 4; l++) {
      const index = view.getUint8(offset + 2 + 4 * s + l) | (((rest >>> (3 * l)) & 7) << 8);
      placeEight(into.codes, 32 * s + 8 * l, grid[index]!, down);
    }
  }
};
