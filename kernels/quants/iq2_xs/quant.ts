/** IQ2_XS: per eight weights a vector of a grid and signs, a scale of four bits per 16, under an f16 scale. Packed as nibbles. */
import type { BlockQuant } from '../quant.js';
import { decode } from './codec.js';

export const IQ2_XS: BlockQuant = {
  id: 17,
  block: 256,
  bytes: 74,
  span: 16,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: [8, 25, 43, 0, -8, -25, -43, 0],
  pack: null,
  decode,
};
