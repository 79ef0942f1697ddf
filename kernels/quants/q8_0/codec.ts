/** The bytes of Q8_0: f16 scale, 32 int8. Rounds as ggml's reference does. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = fromF16(view.getUint16(offset, true));
  for (let i = 0; i < 32; i++) into.codes[i] = view.getInt8(offset + 2 + i) + 128;
};

export const pack: PackBlock = (x, start, view, offset) => {
  let largest = 0;
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(x[start + i]!));
  const d = Math.fround(largest / 127);
  const inverse = d === 0 ? 0 : Math.fround(1 / d);
  view.setUint16(offset, toF16(d), true);
  for (let i = 0; i < 32; i++) {
    const scaled = Math.fround(x[start + i]! * inverse);
    // Half away from zero, like C's roundf; Math.round takes halves up.
    view.setInt8(offset + 2 + i, Math.sign(scaled) * Math.round(Math.abs(scaled)));
  }
};
