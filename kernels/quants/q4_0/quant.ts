/** Q4_0: 32 nibbles, 8 taken off, under an f16 scale: the first half of a block low. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q4_0: BlockQuant = {
  id: 2,
  block: 32,
  bytes: 18,
  span: 32,
  bits: 4,
  hasScales: false,
  hasMins: false,
  codes: { offset: 8 },
  pack,
  decode,
};
