/** F16: IEEE half precision. */
import { fromF16, toF16 } from '../../../src/core/half.js';
import type { FloatQuant } from '../quant.js';

export const F16: FloatQuant = {
  id: 1,
  block: 1,
  bytes: 2,
  pack: (x, start, view, offset) => view.setUint16(offset, toF16(x[start]!), true),
  read: (view, offset) => fromF16(view.getUint16(offset, true)),
};
