/** One position of one head of Mamba's selective scan; f32. */
import { softplusF32x4 } from '../common/math.wasm';
import { expF32x4, sumLanes } from '../common/wasm';

/**
 * For each of `headDim` channels: state [stateSize] = exp(dt a) state + dt x b, out = state c + d x, dt = softplus(dtIn).
 * `a` is one number where `aStep` is 0, else [stateSize]; `d` is 0 for none and one number where `dStep` is 0.
 */
export function scan(
  x: usize,
  dtIn: f32,
  b: usize,
  c: usize,
  a: usize,
  aStep: i32,
  d: usize,
  dStep: i32,
  headDim: i32,
  stateSize: i32,
  state: usize,
  out: usize,
): void {
  const dt = f32x4.extract_lane(softplusF32x4(f32x4.splat(dtIn)), 0);
  const shared = expF32x4(f32x4.mul(f32x4.splat(dt), v128.load32_splat(a)));
  for (let i = 0; i < headDim; i++) {
    const value = load<f32>(x + <usize>(i << 2));
    const grown = f32x4.splat(dt * value);
    let sums = f32x4.splat(0);
    let n = 0;
    for (; n + 4 <= stateSize; n += 4) {
      const at = <usize>(n << 2);
      const decay = aStep == 0 ? shared : expF32x4(f32x4.mul(f32x4.splat(dt), v128.load(a + at)));
      const s = f32x4.add(f32x4.mul(decay, v128.load(state + at)), f32x4.mul(grown, v128.load(b + at)));
      v128.store(state + at, s);
      sums = f32x4.add(sums, f32x4.mul(s, v128.load(c + at)));
    }
    let sum = sumLanes(sums);
    for (; n < stateSize; n++) {
      const at = <usize>(n << 2);
      const decay =
        aStep == 0 ? shared : expF32x4(f32x4.mul(f32x4.splat(dt), v128.load32_splat(a + at)));
      const s = f32x4.extract_lane(decay, 0) * load<f32>(state + at) + dt * value * load<f32>(b + at);
      store<f32>(state + at, s);
      sum += s * load<f32>(c + at);
    }
    if (d != 0) sum += load<f32>(d + <usize>((i * dStep) << 2)) * value;
    store<f32>(out + <usize>(i << 2), sum);
    state += <usize>(stateSize << 2);
  }
}
