/** F32: single precision. */
import type { FloatQuant } from '../quant.js';

export const F32: FloatQuant = {
  id: 0,
  block: 1,
  bytes: 4,
  pack: (x, start, view, offset) => view.setFloat32(offset, x[start]!, true),
  read: (view, offset) => view.getFloat32(offset, true),
};
