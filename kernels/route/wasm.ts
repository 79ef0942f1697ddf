/** Which experts a token goes to, and with what weights. */
import { argmax } from '../argmax/wasm';
import { sigmoidF32x4, softplusF32x4 } from '../common/math.wasm';
import { expF32x4 } from '../common/wasm';
import * as N from './numbers';

/** x [n] = exp(x - largest), divided by their sum, which goes from first to last; behind x lie up to three more. */
function softmax(x: usize, n: i32): void {
  const end = x + <usize>(n << 2);
  const top = f32x4.splat(load<f32>(x + <usize>(argmax(x, n) << 2)));
  for (let p = x; p < end; p += 16) v128.store(p, expF32x4(f32x4.sub(v128.load(p), top)));
  let sum: f32 = 0;
  for (let p = x; p < end; p += 4) sum += load<f32>(p);
  for (let p = x; p < end; p += 4) store<f32>(p, load<f32>(p) / sum);
}

/** scores [experts] of logits that lie there. */
function score(scoring: i32, scores: usize, experts: i32): void {
  if (scoring == N.SOFTMAX) {
    softmax(scores, experts);
    return;
  }
  for (const end = scores + <usize>(experts << 2); scores < end; scores += 16) {
    const x = v128.load(scores);
    if (scoring == N.SIGMOID) v128.store(scores, sigmoidF32x4(x));
    else if (scoring == N.SQRT_SOFTPLUS) v128.store(scores, f32x4.sqrt(softplusF32x4(x)));
  }
}

/** keys of all but the `used` groups whose two best add up to most become -Infinity. */
function keepGroups(keys: usize, experts: i32, groups: i32, used: i32, sums: usize): void {
  const size = experts / groups;
  for (let g = 0; g < groups; g++) {
    const group = keys + <usize>((g * size) << 2);
    let first: f32 = -Infinity;
    let second: f32 = -Infinity;
    for (let e = 0; e < size; e++) {
      const key = load<f32>(group + <usize>(e << 2));
      if (key > first) {
        second = first;
        first = key;
      } else if (key > second) {
        second = key;
      }
    }
    store<f32>(sums + <usize>(g << 2), size == 1 ? first : first + second);
  }
  for (let n = 0; n < used; n++) store<f32>(sums + <usize>(argmax(sums, groups) << 2), NaN);
  for (let g = 0; g < groups; g++) {
    if (isNaN(load<f32>(sums + <usize>(g << 2)))) continue;
    const group = keys + <usize>((g * size) << 2);
    for (let e = 0; e < size; e++) store<f32>(group + <usize>(e << 2), -Infinity);
  }
}

/**
 * logits [experts] -> out [2 top]: the chosen experts' numbers, best first and of equal ones the lower, then their
 * weights. `bias` [experts] or 0; `groups` 0 for none. `scratch` holds 8 (experts + 4) + 4 groups bytes.
 */
export function route(
  logits: usize,
  experts: i32,
  top: i32,
  scoring: i32,
  chooseBy: i32,
  bias: usize,
  groups: i32,
  used: i32,
  isNormalised: bool,
  times: f32,
  out: usize,
  scratch: usize,
): void {
  const bytes = <usize>(experts << 2);
  const scores = scratch;
  const keys = scores + bytes + 16;
  v128.store(scores + (bytes & ~15), f32x4.splat(0));
  memory.copy(scores, logits, bytes);
  score(scoring, scores, experts);
  memory.copy(keys, chooseBy == N.CHOOSE_BY_LOGITS ? logits : scores, bytes);
  if (bias != 0) {
    for (let e: usize = 0; e < bytes; e += 4) store<f32>(keys + e, load<f32>(keys + e) + load<f32>(bias + e));
  }
  if (groups > 1) keepGroups(keys, experts, groups, used, keys + bytes + 16);
  const weights = out + <usize>(top << 2);
  for (let n: usize = 0; n < <usize>(top << 2); n += 4) {
    const chosen = argmax(keys, experts);
    // A NaN is never chosen again.
    store<f32>(keys + <usize>(chosen << 2), NaN);
    store<f32>(out + n, <f32>chosen);
    store<f32>(weights + n, load<f32>(scores + <usize>(chosen << 2)));
  }
  weigh(scoring, weights, top, isNormalised, times, scores);
}

function weigh(scoring: i32, weights: usize, top: i32, isNormalised: bool, times: f32, scratch: usize): void {
  const bytes = <usize>(top << 2);
  if (scoring == N.SOFTMAX_OF_CHOSEN) {
    memory.copy(scratch, weights, bytes);
    softmax(scratch, top);
    memory.copy(weights, scratch, bytes);
  }
  let sum: f32 = 0;
  for (let n: usize = 0; n < bytes; n += 4) sum += load<f32>(weights + n);
  const divisor = isNormalised ? max(sum, <f32>N.LEAST_SUM) : <f32>1;
  for (let n: usize = 0; n < bytes; n += 4) store<f32>(weights + n, (load<f32>(weights + n) / divisor) * times);
}
