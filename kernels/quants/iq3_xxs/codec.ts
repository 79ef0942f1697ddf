/** The bytes of IQ3_XXS. */
import { fromF16 } from '../../../src/core/half.js';
import { placeFour, signsOf } from '../grid.js';
import type { BlockQuant } from '../quant.js';
import { grid } from './grid.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true)) / 4;
  for (let s = 0; s < 8; s++) {
    const rest = view.getUint32(offset + 66 + 4 * s, true);
    into.scales[s] = 2 * (rest >>> 28) + 1;
    for (let l = 0; l < 8; l++) {
      const signs = signsOf((rest >>> (7 * (l >>> 1))) & 127) >>> (4 * (l & 1));
      placeFour(into.codes, 32 * s + 4 * l, grid[view.getUint8(offset + 2 + 8 * s + l)]!, signs);
    }
  }
};
