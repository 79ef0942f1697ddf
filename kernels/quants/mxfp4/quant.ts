/** MXFP4: 32 floats of four bits (twice their values are integers) under a power of two. */
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const MXFP4: BlockQuant = {
  id: 39,
  block: 32,
  bytes: 17,
  span: 32,
  bits: 4,
  hasScales: false,
  hasMins: false,
  codes: [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12],
  pack,
  decode,
};
