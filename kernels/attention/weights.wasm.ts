/**
 * What attention over f32 and over int16 share: scores of a page become weights, e^score / 2^top, where top is the power of
 * two next to e^(largest score so far); see wasm.ts.
 */
import { expExponent, expMantissa, powerOfTwo } from '../common/wasm';

/** Weights less than this power of two below the top one count, the others are 0. */
export const LEAST_EXPONENT: f32 = -125;

/** The top after a score of `highest`, in all lanes; sums are scaled down where it is higher than it was. */
@inline
export function raiseTop(highest: f32, top: usize, sums: usize, vectors: i32): v128 {
  const before = v128.load32_splat(top);
  const largest = f32x4.pmax(before, expExponent(f32x4.splat(highest)));
  const down = f32x4.sub(before, largest);
  if (f32x4.extract_lane(down, 0) < 0) {
    v128.store32_lane(top, largest, 0);
    const factor = v128.andnot(powerOfTwo(down), f32x4.lt(down, f32x4.splat(LEAST_EXPONENT)));
    for (const to = sums + <usize>(vectors << 4); sums < to; sums += 16) {
      v128.store(sums, f32x4.mul(v128.load(sums), factor));
    }
  }
  return largest;
}

/**
 * The first `count` scores of a page become weights, those up to a multiple of 4 become 0. `top` holds the top power of
 * two so far; where this page has a larger one, the `vectors` sums at `sums` are scaled down.
 */
export function weigh(scores: usize, count: i32, top: usize, sums: usize, vectors: i32): void {
  const end = scores + <usize>(((count + 3) & ~3) << 2);
  for (let p = scores + <usize>(count << 2); p < end; p += 4) store<f32>(p, -Infinity);
  let m = v128.load(scores);
  for (let p = scores + 16; p < end; p += 16) m = f32x4.pmax(m, v128.load(p));
  const highest = max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
    max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  );
  const largest = raiseTop(highest, top, sums, vectors);
  for (let p = scores; p < end; p += 16) {
    const score = v128.load(p);
    const n = expExponent(score);
    const below = f32x4.sub(n, largest);
    const weight = f32x4.mul(expMantissa(score, n), powerOfTwo(below));
    v128.store(p, v128.andnot(weight, f32x4.lt(below, f32x4.splat(LEAST_EXPONENT))));
  }
}

/** sums [4] += weights, every fourth into one. */
@inline
export function addWeights(weights: usize, count: i32, sums: usize): void {
  let s = v128.load(sums);
  for (const end = weights + <usize>(((count + 3) & ~3) << 2); weights < end; weights += 16) {
    s = f32x4.add(s, v128.load(weights));
  }
  v128.store(sums, s);
}

/** No sum yet: `vectors` zeros at `sums`, and no score seen. */
@inline
export function begin(top: usize, sums: usize, vectors: i32): void {
  store<f32>(top, -Infinity);
  for (const end = sums + <usize>(vectors << 4); sums < end; sums += 16) v128.store(sums, f32x4.splat(0));
}

/** out [dim] = the sums of V at `sums` + 16, divided by the sum of weights. */
@inline
export function finish(sums: usize, sum: f32, dim: i32, out: usize): void {
  sums += 16;
  const divisor = f32x4.splat(sum);
  let d = 0;
  for (; d + 4 <= dim; d += 4, sums += 16, out += 16) v128.store(out, f32x4.div(v128.load(sums), divisor));
  for (; d < dim; d++, sums += 4, out += 4) store<f32>(out, load<f32>(sums) / sum);
}
