/** Q2_K: a block of a file, decoded. */
import { minAt, scaleAt } from '../decode.wasm';
import { DECODED_CODES, DECODED_MINS, DECODED_SCALES } from '../wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from + 80);
  minAt(from + 82);
  const pairs = v128.load(from);
  v128.store(DECODED_SCALES, v128.and(pairs, i8x16.splat(15)));
  v128.store(DECODED_MINS, i8x16.shr_u(pairs, 4));
  for (let i: usize = 0; i < 64; i += 16) {
    const four = v128.load(from + 16 + i);
    const codes = DECODED_CODES + (i & 32) * 4 + (i & 16);
    v128.store(codes, v128.and(four, i8x16.splat(3)));
    v128.store(codes, v128.and(i8x16.shr_u(four, 2), i8x16.splat(3)), 32);
    v128.store(codes, v128.and(i8x16.shr_u(four, 4), i8x16.splat(3)), 64);
    v128.store(codes, i8x16.shr_u(four, 6), 96);
  }
}
