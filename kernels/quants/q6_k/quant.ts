/** Q6_K: 256 codes of six bits, 32 taken off, and an int8 scale per 16, under an f16 scale. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q6_K: BlockQuant = {
  id: 14,
  block: 256,
  bytes: 210,
  span: 16,
  bits: 6,
  hasScales: true,
  hasMins: false,
  codes: { offset: 32 },
  pack,
  decode,
};
