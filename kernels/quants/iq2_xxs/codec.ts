/** The bytes of IQ2_XXS. */
import { fromF16 } from '../../../src/core/half.js';
import { placeEight, signsOf } from '../grid.js';
import type { BlockQuant } from '../quant.js';
import { grid } from './grid.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true)) / 8;
  for (let s = 0; s < 8; s++) {
    const at = offset + 2 + 8 * s;
    const rest = view.getUint32(at + 4, true);
    into.scales[s] = 2 * (rest >>> 28) + 1;
    for (let l = 0; l < 4; l++) {
      const signs = signsOf((rest >>> (7 * l)) & 127);
      placeEight(into.codes, 32 * s + 8 * l, grid[view.getUint8(at + l)]!, signs);
    }
  }
};
