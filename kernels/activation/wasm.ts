/** out [n] = act(x) * by * times, f32, element by element. */
import { erfF32x4, sigmoidF32x4, softplusF32x4, tanhF32x4 } from '../common/math.wasm';
import { expF32x4 } from '../common/wasm';
import * as N from './numbers';

@inline
function setting(settings: usize, index: i32): v128 {
  return v128.load32_splat(settings + <usize>(index << 2));
}

@inline
function within(x: v128, limit: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, limit), f32x4.neg(limit));
}

@inline
function silu(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), expF32x4(f32x4.neg(x))));
}

/** Functions of x and `by` together; all others are act(x) * by. */
function both(act: i32, x: v128, by: v128, settings: usize): v128 {
  const a = setting(settings, 0);
  const b = setting(settings, 1);
  if (act == N.CLAMPED_SILU) {
    const isAfter = f32x4.extract_lane(b, 0) != 0;
    const gate = isAfter ? f32x4.pmin(silu(x), a) : silu(f32x4.pmin(x, a));
    return f32x4.mul(gate, within(by, a));
  }
  if (act == N.SWIGLU_OAI) {
    const gate = f32x4.pmin(x, b);
    const swish = f32x4.mul(gate, sigmoidF32x4(f32x4.mul(a, gate)));
    return f32x4.mul(swish, f32x4.add(within(by, b), f32x4.splat(1)));
  }
  const gate = f32x4.mul(f32x4.mul(a, tanhF32x4(f32x4.div(x, a))), sigmoidF32x4(x));
  return f32x4.mul(gate, f32x4.extract_lane(b, 0) > 0 ? f32x4.mul(b, tanhF32x4(f32x4.div(by, b))) : by);
}

function xielu(x: v128, settings: usize): v128 {
  const linear = f32x4.mul(setting(settings, 2), x);
  const above = f32x4.add(f32x4.mul(f32x4.mul(setting(settings, 0), x), x), linear);
  const bent = f32x4.sub(f32x4.sub(expF32x4(f32x4.pmin(x, setting(settings, 3))), f32x4.splat(1)), x);
  const below = f32x4.add(f32x4.mul(bent, setting(settings, 1)), linear);
  return v128.bitselect(above, below, f32x4.gt(x, f32x4.splat(0)));
}

function activate(act: i32, x: v128, settings: usize): v128 {
  const zero = f32x4.splat(0);
  const half = f32x4.splat(0.5);
  const one = f32x4.splat(1);
  switch (act) {
    case N.SILU:
      return silu(x);
    case N.RELU:
      return f32x4.max(x, zero);
    case N.SQUARED_RELU: {
      const positive = f32x4.max(x, zero);
      return f32x4.mul(positive, positive);
    }
    case N.SIGMOID:
      return sigmoidF32x4(x);
    case N.TANH:
      return tanhF32x4(x);
    case N.SOFTPLUS:
      return softplusF32x4(x);
    case N.EXP:
      return expF32x4(x);
    case N.GELU:
      return f32x4.mul(f32x4.mul(half, x), f32x4.add(one, erfF32x4(f32x4.mul(x, f32x4.splat(0.7071067811865476)))));
    case N.GELU_TANH: {
      const cube = f32x4.mul(f32x4.splat(0.044715), f32x4.mul(f32x4.mul(x, x), x));
      const inner = f32x4.mul(f32x4.splat(0.7978845608028654), f32x4.add(x, cube));
      return f32x4.mul(f32x4.mul(half, x), f32x4.add(one, tanhF32x4(inner)));
    }
    case N.GELU_QUICK:
      return f32x4.mul(x, sigmoidF32x4(f32x4.mul(f32x4.splat(1.702), x)));
    case N.SOFTCAP: {
      const cap = setting(settings, 0);
      return f32x4.mul(cap, tanhF32x4(f32x4.div(x, cap)));
    }
    case N.CLAMP:
      return within(x, setting(settings, 0));
    case N.XIELU:
      return xielu(x, settings);
    default:
      return x;
  }
}

@inline
function one(act: i32, x: v128, by: v128, hasBy: bool, times: v128, settings: usize): v128 {
  if (act >= N.CLAMPED_SILU) return f32x4.mul(both(act, x, by, settings), times);
  const y = activate(act, x, settings);
  return f32x4.mul(hasBy ? f32x4.mul(y, by) : y, times);
}

/**
 * `by` is 0 for none; `settings` the function's own numbers (numbers.ts). Elements [from, to) of out; x and by may have
 * fewer elements, each of which serves `xRun` or `byRun` of out's.
 */
export function activation(
  act: i32,
  x: usize,
  xRun: i32,
  by: usize,
  byRun: i32,
  out: usize,
  from: i32,
  to: i32,
  times: f32,
  settings: usize,
): void {
  const all = f32x4.splat(times);
  const hasBy = by != 0;
  let i = from;
  if (xRun == 1 && byRun == 1) {
    for (; i + 4 <= to; i += 4) {
      const at = <usize>(i << 2);
      const b = hasBy ? v128.load(by + at) : all;
      v128.store(out + at, one(act, v128.load(x + at), b, hasBy, all, settings));
    }
  }
  for (; i < to; i++) {
    const b = hasBy ? v128.load32_splat(by + <usize>((i / byRun) << 2)) : all;
    const y = one(act, v128.load32_splat(x + <usize>((i / xRun) << 2)), b, hasBy, all, settings);
    store<f32>(out + <usize>(i << 2), f32x4.extract_lane(y, 0));
  }
}
