/** Q8_0: 32 int8 under an f16 scale. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q8_0: BlockQuant = {
  id: 8,
  block: 32,
  bytes: 34,
  span: 32,
  bits: 8,
  hasScales: false,
  hasMins: false,
  codes: { offset: 128 },
  pack,
  decode,
};
