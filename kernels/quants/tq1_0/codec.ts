/** The bytes of TQ1_0. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import { codeFor } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset + 52, true));
  // Digit n of a byte is the third of 3^n times it, of 256, that it falls into.
  const digit = (at: number, n: number): number => (((view.getUint8(offset + at) * 3 ** n) & 255) * 3) >>> 8;
  for (let i = 0; i < 160; i++) into.codes[i] = digit(i & 31, i >>> 5);
  for (let i = 0; i < 80; i++) into.codes[160 + i] = digit(32 + (i & 15), i >>> 4);
  for (let i = 0; i < 16; i++) into.codes[240 + i] = digit(48 + (i & 3), i >>> 2);
};

export const pack: PackBlock = (x, start, view, offset) => {
  let largest = 0;
  for (let i = start; i < start + 256; i++) largest = Math.max(largest, Math.abs(x[i]!));
  view.setUint16(offset + 52, toF16(largest), true);
  const code = (i: number): number => codeFor(x[start + i]!, largest, 0, 1, 2);
  // Digits of base 3, the first highest, scaled up from 243 to 256 so that products give them back.
  const put = (at: number, digits: readonly number[]): void => {
    const number = digits.reduce((sum, digit, n) => sum + digit * 3 ** (4 - n), 0);
    view.setUint8(offset + at, Math.ceil((number * 256) / 243));
  };
  for (let i = 0; i < 32; i++)
    put(
      i,
      [0, 1, 2, 3, 4].map((n) => code(i + 32 * n)),
    );
  for (let i = 0; i < 16; i++)
    put(
      32 + i,
      [0, 1, 2, 3, 4].map((n) => code(160 + i + 16 * n)),
    );
  for (let i = 0; i < 4; i++)
    put(
      48 + i,
      [0, 1, 2, 3].map((n) => code(240 + i + 4 * n)),
    );
};
