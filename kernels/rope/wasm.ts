/**
 * Rotary position embedding on pairs (2i, 2i + 1), as GGUF files of the Llama architecture store their heads.
 * Angles come from a table of [position][pair][cos, sin] made once per model with the kernel's own sin, cos and
 * pow (AssemblyScript's NativeMath), so they are the same on every engine.
 */

/** cos and sin of position * theta^(-2i / dim) / factors[i] for positions [0, positions). `factors` [dim / 2] f32. */
export function ropeTable(table: usize, positions: i32, dim: i32, theta: f64, factors: usize): void {
  for (let i = 0; i < dim >> 1; i++) {
    const frequency = NativeMath.pow(theta, -<f64>(2 * i) / <f64>dim) / <f64>load<f32>(factors + <usize>(i << 2));
    let p = table + <usize>(i << 3);
    for (let position = 0; position < positions; position++, p += <usize>(dim << 2)) {
      store<f32>(p, <f32>NativeMath.cos(<f64>position * frequency));
      store<f32>(p, <f32>NativeMath.sin(<f64>position * frequency), 4);
    }
  }
}

/**
 * The Llama 3 scaling factors [dim / 2] f32: long wavelengths are stretched by `factor`, short ones kept, a ramp
 * between (Meta's llama-models, `apply_scaling`).
 */
export function ropeLlama3Factors(
  factors: usize,
  dim: i32,
  theta: f64,
  factor: f64,
  lowFreqFactor: f64,
  highFreqFactor: f64,
  originalContext: f64,
): void {
  for (let i = 0; i < dim >> 1; i++) {
    const wavelength = 2 * NativeMath.PI * NativeMath.pow(theta, <f64>(2 * i) / <f64>dim);
    let stretch: f64 = 1;
    if (wavelength > originalContext / lowFreqFactor) {
      stretch = factor;
    } else if (wavelength > originalContext / highFreqFactor) {
      const smooth = (originalContext / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
      stretch = 1 / ((1 - smooth) / factor + smooth);
    }
    store<f32>(factors + <usize>(i << 2), <f32>stretch);
  }
}

/** Rotates x [dim] in place; `angles` is the table's row of the position. */
export function rope(x: usize, dim: i32, angles: usize): void {
  const vectors = x + <usize>((dim & ~3) << 2);
  const end = x + <usize>(dim << 2);
  const signs = i32x4(i32.MIN_VALUE, 0, i32.MIN_VALUE, 0);
  for (; x < vectors; x += 16, angles += 16) {
    const v = v128.load(x);
    const a = v128.load(angles);
    const cos = i32x4.shuffle(a, a, 0, 0, 2, 2);
    const sin = v128.xor(i32x4.shuffle(a, a, 1, 1, 3, 3), signs);
    v128.store(x, f32x4.add(f32x4.mul(v, cos), f32x4.mul(i32x4.shuffle(v, v, 1, 0, 3, 2), sin)));
  }
  if (x < end) {
    const x0 = load<f32>(x);
    const x1 = load<f32>(x, 4);
    const cos = load<f32>(angles);
    const sin = load<f32>(angles, 4);
    store<f32>(x, x0 * cos - x1 * sin);
    store<f32>(x, x1 * cos + x0 * sin, 4);
  }
}
