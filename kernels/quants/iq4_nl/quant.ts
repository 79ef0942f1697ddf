/** IQ4_NL: 32 nibbles that mean entries of a table, under an f16 scale. */
import type { BlockQuant } from '../quant.js';
import { decode, pack, values } from './codec.js';

export const IQ4_NL: BlockQuant = {
  id: 20,
  block: 32,
  bytes: 18,
  span: 32,
  bits: 4,
  hasScales: false,
  hasMins: false,
  codes: values,
  pack,
  decode,
};
