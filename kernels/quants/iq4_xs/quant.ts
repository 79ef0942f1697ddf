/** IQ4_XS: 256 nibbles that mean entries of a table, and a scale of six bits per 32, under an f16 scale. */
import { values } from '../iq4_nl/codec.js';
import type { BlockQuant } from '../quant.js';
import { decode, pack } from './codec.js';

export const IQ4_XS: BlockQuant = {
  id: 23,
  block: 256,
  bytes: 136,
  span: 32,
  bits: 4,
  hasScales: true,
  hasMins: false,
  codes: values,
  pack,
  decode,
};
