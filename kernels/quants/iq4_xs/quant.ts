/** IQ4_XS: 256 nibbles that mean entries of a table, and a scale of six bits per 32, under an f16 scale. */
import type { BlockQuant } from '../quant.js';
import { decode } from './codec.js';

export const IQ4_XS: BlockQuant = {
  id: 23,
  block: 256,
  bytes: 136,
  span: 32,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
  pack: null,
  decode,
};
