/** Q6_K: a block of a file, decoded. */
import { nibblesAt, orCodes, scaleAt } from '../decode.wasm';
import { DECODED_SCALES } from '../wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from + 208);
  v128.store(DECODED_SCALES, v128.load(from, 192));
  for (let i: usize = 0; i < 64; i += 16) {
    const half = i & 32;
    const column = half * 4 + (i & 16);
    const low = from + half * 2 + (i & 16);
    nibblesAt(low, column, 64);
    nibblesAt(low + 32, column + 32, 64);
    const high = v128.load(from + 128 + i);
    const two = i8x16.splat(0x30);
    orCodes(column, v128.and(i8x16.shl(high, 4), two));
    orCodes(column + 32, v128.and(i8x16.shl(high, 2), two));
    orCodes(column + 64, v128.and(high, two));
    orCodes(column + 96, v128.and(i8x16.shr_u(high, 2), two));
  }
}
