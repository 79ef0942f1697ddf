/** IQ1_M: as IQ1_S, with a scale per 16 and a direction per eight. Packed as nibbles. */
import type { BlockQuant } from '../quant.js';
import { decode } from './codec.js';

export const IQ1_M: BlockQuant = {
  id: 29,
  block: 256,
  bytes: 56,
  span: 16,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: [-7, 1, 9, 0, -9, -1, 7, 0],
  pack: null,
  decode,
};
