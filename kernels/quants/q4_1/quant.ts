/** Q4_1: 32 nibbles under an f16 scale, above an f16 min. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q4_1: BlockQuant = {
  id: 3,
  block: 32,
  bytes: 20,
  span: 32,
  bits: 4,
  hasScales: false,
  hasMins: true,
  codes: { offset: 0 },
  pack,
  decode,
};
