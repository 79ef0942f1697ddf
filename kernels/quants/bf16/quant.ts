/** BF16: the upper half of single precision. */
import { fromBf16, toBf16 } from '../../../src/core/half.js';
import type { FloatQuant } from '../quant.js';

export const BF16: FloatQuant = {
  id: 30,
  block: 1,
  bytes: 2,
  pack: (x, start, view, offset) => view.setUint16(offset, toBf16(x[start]!), true),
  read: (view, offset) => fromBf16(view.getUint16(offset, true)),
};
