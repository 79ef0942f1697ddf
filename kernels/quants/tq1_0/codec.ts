/** The bytes of TQ1_0. */
import { fromF16 } from '../../../src/core/half.js';
import type { BlockQuant } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 52, true));
  // Digit n of a byte is the third of 3^n times it, of 256, that it falls into.
  const digit = (at: number, n: number): number => (((view.getUint8(offset + at) * 3 ** n) & 255) * 3) >>> 8;
  for (let i = 0; i < 160; i++) into.codes[i] = digit(i & 31, i >>> 5);
  for (let i = 0; i < 80; i++) into.codes[160 + i] = digit(32 + (i & 15), i >>> 4);
  for (let i = 0; i < 16; i++) into.codes[240 + i] = digit(48 + (i & 3), i >>> 2);
};
