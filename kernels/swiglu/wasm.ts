/** gate [n] = gate / (1 + exp(-gate)) * up [n], f32. */
import { expF32x4 } from '../common/wasm';

@inline
function silu(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), expF32x4(f32x4.neg(x))));
}

/** In place on `gate`. */
export function swiglu(gate: usize, up: usize, n: i32): void {
  const vectors = gate + <usize>((n & ~3) << 2);
  const end = gate + <usize>(n << 2);
  for (; gate < vectors; gate += 16, up += 16) {
    v128.store(gate, f32x4.mul(silu(v128.load(gate)), v128.load(up)));
  }
  for (; gate < end; gate += 4, up += 4) {
    store<f32>(gate, f32x4.extract_lane(silu(f32x4.splat(load<f32>(gate))), 0) * load<f32>(up));
  }
}
