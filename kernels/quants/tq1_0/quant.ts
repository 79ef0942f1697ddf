/** TQ1_0: 256 ternary digits, five to a byte, under an f16 scale. Packed as two bits. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const TQ1_0: BlockQuant = {
  id: 34,
  block: 256,
  bytes: 54,
  span: 16,
  bits: 2,
  hasScales: false,
  hasMins: false,
  codes: { offset: 1 },
  pack,
  decode,
};
