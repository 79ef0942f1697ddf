/** x [n] += y [n], f32. */
export function residual(x: usize, y: usize, n: i32): void {
  const vectors = x + <usize>((n & ~3) << 2);
  const end = x + <usize>(n << 2);
  for (; x < vectors; x += 16, y += 16) v128.store(x, f32x4.add(v128.load(x), v128.load(y)));
  for (; x < end; x += 4, y += 4) store<f32>(x, load<f32>(x) + load<f32>(y));
}
