/** Hyper-connections: what several hidden vectors, the streams of a token, are weighed with, and how a result goes to them. */
import { sigmoidF32x4 } from '../common/math.wasm';
import { expF32x4 } from '../common/wasm';

@inline
function at(x: usize, i: i32): usize {
  return x + <usize>(i << 2);
}

/** x [n] becomes its softmax; sums go from first to last. */
function softmax(x: usize, n: i32): void {
  let top: f32 = -Infinity;
  for (let i = 0; i < n; i++) top = max(top, load<f32>(at(x, i)));
  let sum: f32 = 0;
  for (let i = 0; i < n; i++) {
    const weight = f32x4.extract_lane(expF32x4(f32x4.splat(load<f32>(at(x, i)) - top)), 0);
    store<f32>(at(x, i), weight);
    sum += weight;
  }
  for (let i = 0; i < n; i++) store<f32>(at(x, i), load<f32>(at(x, i)) / sum);
}

/** Divides n numbers, `step` apart, by their sum and eps. */
function divideBySum(x: usize, n: i32, step: i32, eps: f32): void {
  let sum: f32 = eps;
  for (let i = 0; i < n; i++) sum += load<f32>(at(x, i * step));
  for (let i = 0; i < n; i++) store<f32>(at(x, i * step), load<f32>(at(x, i * step)) / sum);
}

/** m [from][to]: softmax over `to` plus eps, then columns `iterations` times divided by their sums, rows in between. */
function mixing(m: usize, streams: i32, eps: f32, iterations: i32): void {
  for (let row = 0; row < streams; row++) {
    const first = at(m, row * streams);
    softmax(first, streams);
    for (let to = 0; to < streams; to++) store<f32>(at(first, to), load<f32>(at(first, to)) + eps);
  }
  for (let i = 0; i < iterations; i++) {
    if (i > 0) for (let row = 0; row < streams; row++) divideBySum(at(m, row * streams), streams, 1, eps);
    for (let to = 0; to < streams; to++) divideBySum(at(m, to), streams, streams, eps);
  }
}

/**
 * out [n] of the logits x [n], which are times `scale` (one for what reads, writes, mixes) plus `base` [n] where those are
 * not 0. n is `streams`, twice that, or (2 + streams) times that.
 */
export function weighStreams(
  x: usize,
  n: i32,
  streams: i32,
  isSoftmax: bool,
  scale: usize,
  base: usize,
  eps: f32,
  magnitude: f32,
  writeEps: f32,
  iterations: i32,
  out: usize,
): void {
  for (let i = 0; i < n; i++) {
    let y = load<f32>(at(x, i));
    if (scale != 0) y *= load<f32>(at(scale, min(2, i / streams)));
    if (base != 0) y += load<f32>(at(base, i));
    store<f32>(at(out, i), y);
  }
  if (isSoftmax) {
    softmax(out, n);
    return;
  }
  for (let i = 0; i < min(n, 2 * streams); i++) {
    const y = f32x4.extract_lane(sigmoidF32x4(f32x4.splat(load<f32>(at(out, i)))), 0);
    store<f32>(at(out, i), i < streams ? y + eps : magnitude * y + writeEps);
  }
  if (n > 2 * streams) mixing(at(out, 2 * streams), streams, eps, iterations);
}

/**
 * Features [first, end) of every stream: out = write weight * from + x, or where `isMixed` what the matrix mixes of all
 * streams of x. `weights` as weighStreams gives them.
 */
export function writeStreams(
  x: usize,
  from: usize,
  weights: usize,
  streams: i32,
  features: i32,
  isMixed: bool,
  out: usize,
  first: i32,
  end: i32,
): void {
  for (let to = 0; to < streams; to++) {
    const row = at(out, to * features);
    const weight = load<f32>(at(weights, streams + to));
    for (let f = first; f < end; f++) {
      let y = weight * load<f32>(at(from, f));
      if (!isMixed) y += load<f32>(at(x, to * features + f));
      else {
        for (let s = 0; s < streams; s++) {
          y += load<f32>(at(weights, (2 + s) * streams + to)) * load<f32>(at(x, s * features + f));
        }
      }
      store<f32>(at(row, f), y);
    }
  }
}
