/** y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias, in f32; both sums in the plan's order. */
import { foldPartials, sumLanes } from '../common/wasm';

/** Sum of x - mean, or of its squares, over columns [from, to): four interleaved partial sums. */
function sumOf(x: usize, from: i32, to: i32, mean: f32, isSquared: bool): f32 {
  const m = f32x4.splat(mean);
  let s = f32x4.splat(0);
  let i = from;
  for (; i + 4 <= to; i += 4) {
    const d = f32x4.sub(v128.load(x + <usize>(i << 2)), m);
    s = f32x4.add(s, isSquared ? f32x4.mul(d, d) : d);
  }
  let sum = sumLanes(s);
  for (; i < to; i++) {
    const d = load<f32>(x + <usize>(i << 2)) - mean;
    sum += isSquared ? d * d : d;
  }
  return sum;
}

function folded(x: usize, columns: i32, mean: f32, isSquared: bool, folds: usize, scratch: usize): f32 {
  if (folds == 0) return sumOf(x, 0, columns, mean, isSquared);
  const tiles = load<i32>(folds);
  let from = 0;
  for (let t = 0; t < tiles; t++) {
    const to = load<i32>(folds + <usize>((t + 1) << 2));
    v128.store(scratch + <usize>(t << 4), f32x4.splat(sumOf(x, from, to, mean, isSquared)));
    from = to;
  }
  return load<f32>(foldPartials(folds, scratch, 1));
}

/** The mean of x [columns]; `folds` and `scratch` as in rmsnorm. */
export function meanOf(x: usize, columns: i32, folds: usize, scratch: usize): f32 {
  return folded(x, columns, 0, false, folds, scratch) / <f32>columns;
}

/** 1 / sqrt(variance + eps). */
export function deviationScale(x: usize, columns: i32, mean: f32, eps: f32, folds: usize, scratch: usize): f32 {
  return <f32>1 / sqrt<f32>(folded(x, columns, mean, true, folds, scratch) / <f32>columns + eps);
}

/** y = (x - mean) * scale * weight + bias on elements [from, to); `weight` and `bias` are 0 for none. */
export function centred(
  x: usize,
  mean: f32,
  scale: f32,
  weight: usize,
  bias: usize,
  y: usize,
  from: i32,
  to: i32,
): void {
  const m = f32x4.splat(mean);
  const s = f32x4.splat(scale);
  let i = from;
  for (; i + 4 <= to; i += 4) {
    const at = <usize>(i << 2);
    let v = f32x4.mul(f32x4.sub(v128.load(x + at), m), s);
    if (weight != 0) v = f32x4.mul(v, v128.load(weight + at));
    v128.store(y + at, bias != 0 ? f32x4.add(v, v128.load(bias + at)) : v);
  }
  for (; i < to; i++) {
    const at = <usize>(i << 2);
    let v = (load<f32>(x + at) - mean) * scale;
    if (weight != 0) v *= load<f32>(weight + at);
    store<f32>(y + at, bias != 0 ? v + load<f32>(bias + at) : v);
  }
}

/** x [columns] -> y [columns]. */
export function layernorm(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  columns: i32,
  eps: f32,
  folds: usize,
  scratch: usize,
): void {
  const mean = meanOf(x, columns, folds, scratch);
  centred(x, mean, deviationScale(x, columns, mean, eps, folds, scratch), weight, bias, y, 0, columns);
}
