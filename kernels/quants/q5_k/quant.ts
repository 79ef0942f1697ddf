/** Q5_K: 256 codes of five bits, a scale and a min of six bits per 32, under an f16 scale of each. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q5_K: BlockQuant = {
  id: 13,
  block: 256,
  bytes: 176,
  span: 32,
  bits: 5,
  hasScales: true,
  hasMins: true,
  codes: { offset: 0 },
  pack,
  decode,
};
