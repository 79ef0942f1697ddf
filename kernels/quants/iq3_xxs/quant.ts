/** IQ3_XXS: per four weights a vector of a grid, signs, and a scale of four bits per 32, under an f16 scale. Packed as nibbles. */
import type { BlockQuant } from '../quant.js';
import { decode } from './codec.js';

export const IQ3_XXS: BlockQuant = {
  id: 18,
  block: 256,
  bytes: 98,
  span: 32,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: [4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62],
  pack: null,
  decode,
};
