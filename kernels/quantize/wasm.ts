/**
 * Activations to int8 per block of 32 columns: d = amax / 127, q = round(x / d).
 * A NaN in a block makes its scale NaN; a block whose 1 / d is beyond f32 (amax below 4e-37) becomes zeros.
 * One quantised vector of K columns is: K int16 (for plain products), K int8 in the order of packed codes (for relaxed
 * ones), K/32 f32 scales, K/16 i32 sums of q. `quantizedBytes(K)` apart.
 */
import { BLOCK } from '../common/wasm';

/** Bytes of one quantised vector of `columns`, rounded up so that the next one is aligned. */
export function quantizedBytes(columns: i32): i32 {
  return (columns * 3 + (columns / BLOCK) * 12 + 63) & ~63;
}

/** Just above 2^-128, where 1 / d leaves f32. */
const SMALLEST_SCALE: f32 = 3e-39;

/** The int8 of a quantised vector. */
@inline
export function narrowOf(vector: usize, columns: i32): usize {
  return vector + <usize>(columns * 2);
}

/** The scales, one per 32 columns. */
@inline
export function scalesOf(vector: usize, columns: i32): usize {
  return vector + <usize>(columns * 3);
}

/** The sums, one per 16 columns. */
@inline
export function sumsOf(vector: usize, columns: i32): usize {
  return vector + <usize>(columns * 3 + (columns / BLOCK) * 4);
}

/** x [columns] f32 at `x` into a quantised vector at `out`; columns is a multiple of 32. */
export function quantize(x: usize, columns: i32, out: usize): void {
  const blocks = columns / BLOCK;
  let wide = out;
  let narrow = out + <usize>(columns * 2);
  let scales = scalesOf(out, columns);
  let sums = sumsOf(out, columns);
  for (let b = 0; b < blocks; b++) {
    // Bits of absolute values, compared as integers: the order of the numbers, with NaN above all of them.
    let m = f32x4.abs(v128.load(x));
    for (let i: usize = 16; i < 128; i += 16) m = i32x4.max_s(m, f32x4.abs(v128.load(x + i)));
    const amax = reinterpret<f32>(
      max(
        max(i32x4.extract_lane(m, 0), i32x4.extract_lane(m, 1)),
        max(i32x4.extract_lane(m, 2), i32x4.extract_lane(m, 3)),
      ),
    );
    const d: f32 = amax / 127;
    const inverse = f32x4.splat(d > SMALLEST_SCALE ? <f32>1 / d : 0);
    let sum = i32x4.splat(0);
    for (let i: usize = 0; i < 4; i++) {
      const lo = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + (i << 5)), inverse)));
      const hi = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + (i << 5), 16), inverse)));
      const q = i16x8.narrow_i32x4_s(lo, hi);
      v128.store(wide + (i << 4), q);
      sum = i32x4.add(sum, i32x4.add(lo, hi));
      if (i & 1) {
        store<i32>(sums, sumOf(sum));
        sums += 4;
        sum = i32x4.splat(0);
      }
      // Columns 8i + [0 4 1 5 | 2 6 3 7]: the order of packed codes (see quants).
      const bytes = i8x16.narrow_i16x8_s(q, q);
      v128.store_lane<u64>(narrow + (i << 3), i8x16.shuffle(bytes, bytes, 0, 4, 1, 5, 2, 6, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    }
    store<f32>(scales, d);
    x += 128;
    wide += 64;
    narrow += 32;
    scales += 4;
  }
}

@inline
function sumOf(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}
