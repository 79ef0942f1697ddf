/** Q2_K: 256 codes of two bits, a scale and a min of four bits per 16, under an f16 scale of each. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q2_K: BlockQuant = {
  id: 10,
  block: 256,
  bytes: 84,
  span: 16,
  bits: 2,
  hasScales: true,
  hasMins: true,
  codes: { offset: 0 },
  pack,
  decode,
};
