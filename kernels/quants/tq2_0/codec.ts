/** The bytes of TQ2_0. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { codeFor } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 64, true));
  for (let i = 0; i < 64; i++) {
    const four = view.getUint8(offset + i);
    const at = (i & 32) * 4 + (i & 31);
    for (let j = 0; j < 4; j++) into.codes[at + 32 * j] = (four >>> (2 * j)) & 3;
  }
};

export const pack: PackBlock = (x, start, view, offset) => {
  let largest = 0;
  for (let i = start; i < start + 256; i++) largest = Math.max(largest, Math.abs(x[i]!));
  view.setUint16(offset + 64, toF16(largest), true);
  const code = (i: number): number => codeFor(x[start + i]!, largest, 0, 1, 2);
  for (let i = 0; i < 64; i++) {
    const at = (i & 32) * 4 + (i & 31);
    const four = [0, 1, 2, 3].reduce((bits, j) => bits | (code(at + 32 * j) << (2 * j)), 0);
    view.setUint8(offset + i, four);
  }
};
