/** The index of the largest of x [n]; the lowest index among equals; NaN is never chosen over a number above -Infinity. */
export function argmax(x: usize, n: i32): i32 {
  let best: f32 = -Infinity;
  let index = 0;
  let i = 0;
  // Skip eight at a time while none of them beats the best so far.
  for (; i + 8 <= n; i += 8) {
    const p = x + <usize>(i << 2);
    const limit = f32x4.splat(best);
    if (v128.any_true(v128.or(f32x4.gt(v128.load(p), limit), f32x4.gt(v128.load(p, 16), limit)))) {
      for (let j = 0; j < 8; j++) {
        const value = load<f32>(p + <usize>(j << 2));
        if (value > best) {
          best = value;
          index = i + j;
        }
      }
    }
  }
  for (; i < n; i++) {
    const value = load<f32>(x + <usize>(i << 2));
    if (value > best) {
      best = value;
      index = i;
    }
  }
  return index;
}

/** log(sum(exp(x))) of x [n] in f64, for scoring. */
export function logSumExp(x: usize, n: i32): f64 {
  const top = <f64>load<f32>(x + <usize>(argmax(x, n) << 2));
  let sum: f64 = 0;
  for (let i = 0; i < n; i++) sum += NativeMath.exp(<f64>load<f32>(x + <usize>(i << 2)) - top);
  return top + NativeMath.log(sum);
}
