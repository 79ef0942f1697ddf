/** out = the sum of experts' results, each times its weight, in the order of the choice. */

/** Features [from, to) of x [top][n] into out [n]; `weights` [top], or 0 for a plain sum. from is a multiple of 4. */
export function mix(x: usize, weights: usize, top: i32, n: i32, out: usize, from: i32, to: i32): void {
  let f = from;
  for (; f + 4 <= to; f += 4) {
    let p = x + <usize>(f << 2);
    let sum = f32x4.splat(0);
    for (let e = 0; e < top; e++, p += n << 2) {
      const value = v128.load(p);
      const part = weights == 0 ? value : f32x4.mul(value, v128.load32_splat(weights + <usize>(e << 2)));
      sum = e == 0 ? part : f32x4.add(sum, part);
    }
    v128.store(out + <usize>(f << 2), sum);
  }
  for (; f < to; f++) {
    let p = x + <usize>(f << 2);
    let sum: f32 = 0;
    for (let e = 0; e < top; e++, p += n << 2) {
      const value = load<f32>(p);
      const part = weights == 0 ? value : value * load<f32>(weights + <usize>(e << 2));
      sum = e == 0 ? part : sum + part;
    }
    store<f32>(out + <usize>(f << 2), sum);
  }
}
