/** Q3_K: 256 codes of three bits, 4 taken off, and a scale of six bits per 16, under an f16 scale. Packed as nibbles. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q3_K: BlockQuant = {
  id: 11,
  block: 256,
  bytes: 110,
  span: 16,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: { offset: 4 },
  pack,
  decode,
};
