/** out = x + times * y on elements [from, to), f32. */
export function residual(x: usize, y: usize, out: usize, from: i32, to: i32, times: f32): void {
  const t = f32x4.splat(times);
  let i = from;
  for (; i + 4 <= to; i += 4) {
    const at = <usize>(i << 2);
    v128.store(out + at, f32x4.add(v128.load(x + at), f32x4.mul(t, v128.load(y + at))));
  }
  for (; i < to; i++) {
    const at = <usize>(i << 2);
    store<f32>(out + at, load<f32>(x + at) + times * load<f32>(y + at));
  }
}
