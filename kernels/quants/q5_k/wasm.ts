/** Q5_K: a block of a file, decoded. */
import { minAt, nibblesAt, orCodes, scaleAt, sixBitScalesAt } from '../decode.wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from);
  minAt(from + 2);
  sixBitScalesAt(from + 4);
  for (let i: usize = 0; i < 128; i += 16) {
    const column = (i & 96) * 2 + (i & 16);
    nibblesAt(from + 48 + i, column, 32);
    const high = i8x16.shr_u(v128.load(from + 16 + (i & 16)), <i32>(i >> 5) * 2);
    orCodes(column, v128.and(i8x16.shl(high, 4), i8x16.splat(16)));
    orCodes(column + 32, v128.and(i8x16.shl(high, 3), i8x16.splat(16)));
  }
}
