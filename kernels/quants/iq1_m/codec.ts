/** The bytes of IQ1_M. */
import { fromF16 } from '../../../src/core/half.js';
import { placeEight } from '../grid.js';
import { grid } from '../iq1_s/grid.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  const words = [0, 1, 2, 3].map((i) => view.getUint16(offset + 48 + 2 * i, true));
  // The f16 scale is in the upper four bits of the words.
  into.scale = fromF16(words.reduce((bits, word, i) => bits | ((word >>> 12) << (4 * i)), 0)) / 8;
  for (let s = 0; s < 16; s++) into.scales[s] = 2 * ((words[s >>> 2]! >>> (3 * (s & 3))) & 7) + 1;
  for (let i = 0; i < 32; i++) {
    const high = (view.getUint8(offset + 32 + (i >>> 1)) >>> (4 * (i & 1))) & 15;
    const index = view.getUint8(offset + i) | ((high & 7) << 8);
    placeEight(into.codes, 8 * i, grid[index]!, high & 8 ? 255 : 0);
  }
};
