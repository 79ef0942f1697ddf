/** The bytes of MXFP4. */
import { nearest } from '../fit.js';
import type { BlockQuant, PackBlock } from '../quant.js';

export const decode: BlockQuant['decode'] = (view, offset, into) => {
  into.scale = 2 ** (view.getUint8(offset) - 128);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(offset + 1 + i);
    into.codes[i] = pair & 15;
    into.codes[16 + i] = pair >>> 4;
  }
};

/** Twice the floats of four bits. */
const magnitudes = [0, 1, 2, 3, 4, 6, 8, 12];

export const pack: PackBlock = (x, start, view, offset) => {
  let largest = 0;
  for (let i = start; i < start + 32; i++) largest = Math.max(largest, Math.abs(x[i]!));
  // The largest float of four bits is 6, between 2^2 and 2^3.
  const exponent = largest === 0 ? 0 : Math.max(0, Math.min(254, Math.floor(Math.log2(largest)) + 125));
  const inverse = 2 ** (128 - exponent);
  view.setUint8(offset, exponent);
  const code = (value: number): number => {
    const magnitude = nearest(magnitudes, Math.abs(value) * inverse);
    return value < 0 && magnitude > 0 ? magnitude + 8 : magnitude;
  };
  for (let i = 0; i < 16; i++) {
    view.setUint8(offset + 1 + i, code(x[start + i]!) | (code(x[start + 16 + i]!) << 4));
  }
};
