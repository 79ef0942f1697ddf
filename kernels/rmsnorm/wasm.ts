/** y = x / sqrt(mean(x^2) + eps) * weight, in f32; the sum of squares in the plan's order. */
import { foldPartials, sumLanes } from '../common/wasm';

/** Sum of squares of columns [from, to): four interleaved partial sums, counted from the tile's own start. */
export function sumSquares(x: usize, from: i32, to: i32): f32 {
  let s = f32x4.splat(0);
  let p = x + <usize>(from << 2);
  const vectors = x + <usize>((from + ((to - from) & ~3)) << 2);
  for (; p < vectors; p += 16) {
    const v = v128.load(p);
    s = f32x4.add(s, f32x4.mul(v, v));
  }
  const end = x + <usize>(to << 2);
  let tail = f32x4.splat(0);
  if (p < end) tail = f32x4.replace_lane(tail, 0, load<f32>(p));
  if (p + 4 < end) tail = f32x4.replace_lane(tail, 1, load<f32>(p, 4));
  if (p + 8 < end) tail = f32x4.replace_lane(tail, 2, load<f32>(p, 8));
  return sumLanes(f32x4.add(s, f32x4.mul(tail, tail)));
}

/**
 * The sum of squares of x [columns]. `folds` is 0 for one tile, else a fold table (common) with ends in columns;
 * `scratch` then holds 16 bytes a tile.
 */
export function foldedSquares(x: usize, columns: i32, folds: usize, scratch: usize): f32 {
  if (folds == 0) return sumSquares(x, 0, columns);
  const tiles = load<i32>(folds);
  let from = 0;
  for (let t = 0; t < tiles; t++) {
    const to = load<i32>(folds + <usize>((t + 1) << 2));
    v128.store(scratch + <usize>(t << 4), f32x4.splat(sumSquares(x, from, to)));
    from = to;
  }
  return load<f32>(foldPartials(folds, scratch, 1));
}

/** 1 / sqrt(mean(x^2) + eps); arguments as in foldedSquares. */
export function rmsScale(x: usize, columns: i32, eps: f32, folds: usize, scratch: usize): f32 {
  return <f32>1 / sqrt<f32>(foldedSquares(x, columns, folds, scratch) / <f32>columns + eps);
}

/** 1 / max(|x|, eps). */
export function l2Scale(x: usize, columns: i32, eps: f32, folds: usize, scratch: usize): f32 {
  return <f32>1 / max<f32>(sqrt<f32>(foldedSquares(x, columns, folds, scratch)), eps);
}

/** y = x * scale * weight on elements [from, to); `weight` is 0 for none. */
export function scaled(x: usize, scale: f32, weight: usize, y: usize, from: i32, to: i32): void {
  const s = f32x4.splat(scale);
  let i = <usize>(from << 2);
  const vectors = i + <usize>(((to - from) & ~3) << 2);
  const end = <usize>(to << 2);
  if (weight == 0) {
    for (; i < vectors; i += 16) v128.store(y + i, f32x4.mul(v128.load(x + i), s));
    for (; i < end; i += 4) store<f32>(y + i, load<f32>(x + i) * scale);
    return;
  }
  for (; i < vectors; i += 16) {
    v128.store(y + i, f32x4.mul(f32x4.mul(v128.load(x + i), s), v128.load(weight + i)));
  }
  for (; i < end; i += 4) store<f32>(y + i, load<f32>(x + i) * scale * load<f32>(weight + i));
}

/** x [columns] -> y [columns]; `weight` is 0 for none, `folds` and `scratch` as in foldedSquares. */
export function rmsnorm(x: usize, weight: usize, y: usize, columns: i32, eps: f32, folds: usize, scratch: usize): void {
  scaled(x, rmsScale(x, columns, eps, folds, scratch), weight, y, 0, columns);
}
