/**
 * Rotary position embedding on pairs (2i, 2i + 1), as GGUF files of the Llama architecture store their heads, or on
 * pairs (i, i + dim / 2). Angles come from a table of [position][pair][cos, sin] made once per model with the kernel's own sin, cos and
 * pow (AssemblyScript's NativeMath), so they are the same on every engine.
 */

/**
 * cos and sin of position * theta^(-2i / dim) / factors[i], times `magnitude`, for positions [0, positions).
 * `factors` [dim / 2] f32.
 */
export function ropeTable(
  table: usize,
  positions: i32,
  dim: i32,
  theta: f64,
  factors: usize,
  magnitude: f64,
): void {
  for (let i = 0; i < dim >> 1; i++) {
    const frequency = NativeMath.pow(theta, -<f64>(2 * i) / <f64>dim) / <f64>load<f32>(factors + <usize>(i << 2));
    let p = table + <usize>(i << 3);
    for (let position = 0; position < positions; position++, p += <usize>(dim << 2)) {
      store<f32>(p, <f32>(magnitude * NativeMath.cos(<f64>position * frequency)));
      store<f32>(p, <f32>(magnitude * NativeMath.sin(<f64>position * frequency)), 4);
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

/** The pair that turns `rotations` times within `context` positions. */
@inline
function yarnPair(dim: i32, theta: f64, context: f64, rotations: f64): f64 {
  return (<f64>dim * NativeMath.log(context / (rotations * 2 * NativeMath.PI))) / (2 * NativeMath.log(theta));
}

/**
 * The YaRN factors [dim / 2] f32: pairs that turn more than `fast` times within the trained context are kept, those that
 * turn less than `slow` times are stretched by `factor`, a ramp between (Peng et al. 2023, equations 17 to 20).
 */
export function ropeYarnFactors(
  factors: usize,
  dim: i32,
  theta: f64,
  factor: f64,
  originalContext: f64,
  fast: f64,
  slow: f64,
): void {
  const low = max(0, NativeMath.floor(yarnPair(dim, theta, originalContext, fast)));
  const high = min(<f64>dim - 1, NativeMath.ceil(yarnPair(dim, theta, originalContext, slow)));
  for (let i = 0; i < dim >> 1; i++) {
    const stretched = min(1, max(0, (<f64>i - low) / max(high - low, 0.001)));
    store<f32>(factors + <usize>(i << 2), <f32>(1 / (stretched / factor + 1 - stretched)));
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

/** As rope, with dimensions i and i + dim / 2 as a pair. */
export function ropeHalves(x: usize, dim: i32, angles: usize): void {
  const half = dim >> 1;
  const across = <usize>(half << 2);
  let i = 0;
  for (; i + 4 <= half; i += 4, x += 16, angles += 32) {
    const low = v128.load(x);
    const high = v128.load(x + across);
    const a = v128.load(angles);
    const b = v128.load(angles, 16);
    const cos = i32x4.shuffle(a, b, 0, 2, 4, 6);
    const sin = i32x4.shuffle(a, b, 1, 3, 5, 7);
    v128.store(x, f32x4.sub(f32x4.mul(low, cos), f32x4.mul(high, sin)));
    v128.store(x + across, f32x4.add(f32x4.mul(high, cos), f32x4.mul(low, sin)));
  }
  for (; i < half; i++, x += 4, angles += 8) {
    const low = load<f32>(x);
    const high = load<f32>(x + across);
    store<f32>(x, low * load<f32>(angles) - high * load<f32>(angles, 4));
    store<f32>(x + across, high * load<f32>(angles) + low * load<f32>(angles, 4));
  }
}
