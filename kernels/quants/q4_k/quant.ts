/** Q4_K: 256 nibbles, a scale and a min of six bits per 32, under an f16 scale of each. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q4_K: BlockQuant = {
  id: 12,
  block: 256,
  bytes: 144,
  span: 32,
  bits: 4,
  hasScales: true,
  hasMins: true,
  codes: { offset: 0 },
  pack,
  decode,
};
