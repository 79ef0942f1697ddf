/** IQ3_S: per four weights a vector of a grid, signs, and a scale of four bits per 32, under an f16 scale. Packed as nibbles. */
import type { BlockQuant } from '../quant.js';
import { decode } from './codec.js';

export const IQ3_S: BlockQuant = {
  id: 21,
  block: 256,
  bytes: 110,
  span: 32,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: [1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15],
  pack: null,
  decode,
};
