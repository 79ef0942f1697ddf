/** Element functions of four lanes with the same bits on every engine, beside exp in wasm.ts. */
import { expF32x4 } from './wasm';

/** 1 / (1 + e^-x). */
@inline
export function sigmoidF32x4(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, expF32x4(f32x4.neg(x))));
}

/** tanh: below 0.625 the polynomial of Cephes' tanhf (Moshier, public domain), above by e^2x; error below 3e-7. */
export function tanhF32x4(x: v128): v128 {
  const size = f32x4.abs(x);
  const one = f32x4.splat(1);
  const two = f32x4.splat(2);
  const large = f32x4.sub(one, f32x4.div(two, f32x4.add(expF32x4(f32x4.mul(two, size)), one)));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  const small = f32x4.add(f32x4.mul(f32x4.mul(p, z), x), x);
  const signed = v128.or(large, v128.and(x, f32x4.splat(-0.0)));
  return v128.bitselect(small, signed, f32x4.lt(size, f32x4.splat(0.625)));
}

/** erf by formula 7.1.26 of Abramowitz and Stegun, absolute error below 3e-7. */
export function erfF32x4(x: v128): v128 {
  const size = f32x4.abs(x);
  const one = f32x4.splat(1);
  const t = f32x4.div(one, f32x4.add(one, f32x4.mul(f32x4.splat(0.3275911), size)));
  let p = f32x4.splat(1.061405429);
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-1.453152027));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.421413741));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.284496736));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.254829592));
  const rest = f32x4.mul(f32x4.mul(p, t), expF32x4(f32x4.neg(f32x4.mul(x, x))));
  return v128.or(f32x4.sub(one, rest), v128.and(x, f32x4.splat(-0.0)));
}

/** ln(1 + x) for x from 0 to 1, by the polynomial of Cephes' logf; absolute error below 2e-7. */
export function log1pF32x4(x: v128): v128 {
  const y = f32x4.add(f32x4.splat(1), x);
  const isLarge = f32x4.gt(y, f32x4.splat(1.41421356));
  const m = f32x4.sub(v128.bitselect(f32x4.mul(y, f32x4.splat(0.5)), y, isLarge), f32x4.splat(1));
  const z = f32x4.mul(m, m);
  let p = f32x4.splat(7.0376836292e-2);
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.1514610310e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.1676998740e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.2420140846e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.4249322787e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.6668057665e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(2.0000714765e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-2.4999993993e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(3.3333331174e-1));
  const log = f32x4.add(f32x4.sub(f32x4.mul(f32x4.mul(p, z), m), f32x4.mul(f32x4.splat(0.5), z)), m);
  return f32x4.add(log, v128.and(f32x4.splat(0.69314718), isLarge));
}

/** ln(1 + e^x). */
export function softplusF32x4(x: v128): v128 {
  return f32x4.add(f32x4.pmax(x, f32x4.splat(0)), log1pF32x4(expF32x4(f32x4.neg(f32x4.abs(x)))));
}
