/** Q5_0: 32 codes of five bits, 16 taken off, under an f16 scale. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q5_0: BlockQuant = {
  id: 6,
  block: 32,
  bytes: 22,
  span: 32,
  bits: 5,
  hasScales: false,
  hasMins: false,
  codes: { offset: 16 },
  pack,
  decode,
};
