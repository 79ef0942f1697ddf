/** A causal convolution of each channel over its last positions, one position at a time; f32. */
import { SILU } from '../activation/numbers';
import { expF32x4 } from '../common/wasm';

/**
 * Channels [from, to) of out = act(weight [channels, length] * (state, x) + bias). `state` [length - 1][channels] holds
 * the positions before, the oldest first, and takes x in. `bias` is 0 for none.
 */
export function conv(
  x: usize,
  state: usize,
  weight: usize,
  bias: usize,
  act: i32,
  out: usize,
  channels: i32,
  length: i32,
  from: i32,
  to: i32,
): void {
  const step = <usize>(channels << 2);
  for (let c = from; c < to; c++) {
    const at = <usize>(c << 2);
    const value = load<f32>(x + at);
    let w = weight + <usize>((c * length) << 2);
    let place = state + at;
    let sum: f32 = 0;
    for (let i = 1; i < length; i++) {
      sum += load<f32>(w) * load<f32>(place);
      store<f32>(place, i + 1 < length ? load<f32>(place + step) : value);
      place += step;
      w += 4;
    }
    sum += load<f32>(w) * value;
    if (bias != 0) sum += load<f32>(bias + at);
    if (act == SILU) sum = sum / (<f32>1 + f32x4.extract_lane(expF32x4(f32x4.splat(-sum)), 0));
    store<f32>(out + at, sum);
  }
}
