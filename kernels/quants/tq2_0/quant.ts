/** TQ2_0: 256 ternary digits of two bits under an f16 scale. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const TQ2_0: BlockQuant = {
  id: 35,
  block: 256,
  bytes: 66,
  span: 16,
  bits: 2,
  hasScales: false,
  hasMins: false,
  codes: { offset: 1 },
  pack,
  decode,
};
