/** Q5_1: 32 codes of five bits under an f16 scale, above an f16 min. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const Q5_1: BlockQuant = {
  id: 7,
  block: 32,
  bytes: 24,
  span: 32,
  bits: 5,
  hasScales: false,
  hasMins: true,
  codes: { offset: 0 },
  pack,
  decode,
};
