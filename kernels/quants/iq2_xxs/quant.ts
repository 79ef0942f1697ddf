/** IQ2_XXS: per eight weights a vector of a grid and signs, a scale of four bits per 32, under an f16 scale. Packed as nibbles. */
import type { BlockQuant } from '../quant.js';
import { decode } from './codec.js';

export const IQ2_XXS: BlockQuant = {
  id: 16,
  block: 256,
  bytes: 66,
  span: 32,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: [8, 25, 43, 0, -8, -25, -43, 0],
  pack: null,
  decode,
};
