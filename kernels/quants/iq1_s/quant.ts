/** IQ1_S: per eight weights a vector of -1, 0 and 1 of a grid, moved by an eighth, and a scale of three bits per 32, under an f16 scale. Packed as nibbles. */
import type { BlockQuant } from '../quant.js';
import { decode } from './codec.js';

export const IQ1_S: BlockQuant = {
  id: 19,
  block: 256,
  bytes: 50,
  span: 32,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: [-7, 1, 9, 0, -9, -1, 7, 0],
  pack: null,
  decode,
};
