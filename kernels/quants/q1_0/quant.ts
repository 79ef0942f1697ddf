/** Q1_0: 128 signs under an f16 scale. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q1_0: BlockQuant = {
  id: 41,
  block: 128,
  bytes: 18,
  span: 32,
  bits: 1,
  hasScales: false,
  hasMins: false,
  codes: [-1, 1],
  pack,
  decode,
};
