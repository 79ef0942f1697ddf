/** What the decoders of several types share: each leaves a part of a block of a file where `place` takes it from. */
import { f16ToF32 } from '../common/wasm';
import { DECODED_CODES, DECODED_MIN, DECODED_MINS, DECODED_SCALE, DECODED_SCALES } from './wasm';

/** The scale is the half at `from`. */
@inline
export function scaleAt(from: usize): void {
  store<f32>(DECODED_SCALE, f16ToF32(load<u16>(from)));
}

/** The min is the half at `from`. */
@inline
export function minAt(from: usize): void {
  store<f32>(DECODED_MIN, f16ToF32(load<u16>(from)));
}

/** The min is the half at `from`, which is added, taken off. */
@inline
export function addendAt(from: usize): void {
  store<f32>(DECODED_MIN, -f16ToF32(load<u16>(from)));
}

/** 16 bytes at `from` are two nibbles each, of columns [column, column + 16) and of those `step` further. */
@inline
export function nibblesAt(from: usize, column: usize, step: usize): void {
  const pairs = v128.load(from);
  v128.store(DECODED_CODES + column, v128.and(pairs, i8x16.splat(15)));
  v128.store(DECODED_CODES + column + step, i8x16.shr_u(pairs, 4));
}

/** A fifth bit of 16 codes from `column` on: bits of the u16 at `from`. */
@inline
export function fifthBitsAt(from: usize, column: usize): void {
  const bits = v128.load16_splat(from);
  const spread = i8x16.shuffle(bits, bits, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const each = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  orCodes(column, v128.and(i8x16.eq(v128.and(spread, each), each), i8x16.splat(16)));
}

/** Sets bits in 16 codes from `column` on. */
@inline
export function orCodes(column: usize, bits: v128): void {
  v128.store(DECODED_CODES + column, v128.or(v128.load(DECODED_CODES + column), bits));
}

/** The eight scales and mins of six bits in the twelve bytes at `from`, as in six-bit-scales.ts. */
@inline
export function sixBitScalesAt(from: usize): void {
  for (let s: usize = 0; s < 4; s++) {
    const scale = load<u8>(from + s);
    const min = load<u8>(from + s, 4);
    const pair = load<u8>(from + s, 8);
    store<u8>(DECODED_SCALES + s, scale & 63);
    store<u8>(DECODED_MINS + s, min & 63);
    store<u8>(DECODED_SCALES + s, (pair & 15) | ((scale >> 6) << 4), 4);
    store<u8>(DECODED_MINS + s, (pair >> 4) | ((min >> 6) << 4), 4);
  }
}
