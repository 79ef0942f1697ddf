/** One position of one head of linear attention with decay, with or without the delta rule; f32. */
import { expF32x4 } from '../common/wasm';

/** What stays of each key's row: gates [keyDim] = e^decay. */
export function keepGates(decay: usize, decayStep: i32, keyDim: i32, gates: usize): void {
  for (let i = 0; i < keyDim; i++) {
    const at = <usize>((i * decayStep) << 2);
    store<f32>(gates + <usize>(i << 2), f32x4.extract_lane(expF32x4(v128.load32_splat(decay + at)), 0));
  }
}

/**
 * state [keyDim][valueDim] = diag(e^decay) state, then += k (v - state^T k if isDelta)^T beta; out = scale state^T q.
 * `decay` is one number where `decayStep` is 0; `beta` is 0 for none; `gates` is room for keyDim numbers.
 */
export function linearAttention(
  q: usize,
  k: usize,
  v: usize,
  decay: usize,
  decayStep: i32,
  beta: usize,
  isDelta: bool,
  keyDim: i32,
  valueDim: i32,
  scale: f32,
  state: usize,
  out: usize,
  gates: usize,
): void {
  keepGates(decay, decayStep, keyDim, gates);
  const strength: f32 = beta == 0 ? 1 : load<f32>(beta);
  const row = <usize>(valueDim << 2);
  let j = 0;
  for (; j + 4 <= valueDim; j += 4) {
    const at = <usize>(j << 2);
    let known = f32x4.splat(0);
    let s = state + at;
    for (let i = 0; i < keyDim; i++, s += row) {
      const key = <usize>(i << 2);
      const kept = f32x4.mul(v128.load(s), v128.load32_splat(gates + key));
      v128.store(s, kept);
      if (isDelta) known = f32x4.add(known, f32x4.mul(kept, v128.load32_splat(k + key)));
    }
    const change = f32x4.mul(f32x4.sub(v128.load(v + at), known), f32x4.splat(strength));
    let y = f32x4.splat(0);
    s = state + at;
    for (let i = 0; i < keyDim; i++, s += row) {
      const key = <usize>(i << 2);
      const grown = f32x4.add(v128.load(s), f32x4.mul(v128.load32_splat(k + key), change));
      v128.store(s, grown);
      y = f32x4.add(y, f32x4.mul(grown, v128.load32_splat(q + key)));
    }
    v128.store(out + at, f32x4.mul(y, f32x4.splat(scale)));
  }
  for (; j < valueDim; j++) {
    const at = <usize>(j << 2);
    let known: f32 = 0;
    let s = state + at;
    for (let i = 0; i < keyDim; i++, s += row) {
      const key = <usize>(i << 2);
      const kept = load<f32>(s) * load<f32>(gates + key);
      store<f32>(s, kept);
      if (isDelta) known += kept * load<f32>(k + key);
    }
    const change = (load<f32>(v + at) - known) * strength;
    let y: f32 = 0;
    s = state + at;
    for (let i = 0; i < keyDim; i++, s += row) {
      const key = <usize>(i << 2);
      const grown = load<f32>(s) + load<f32>(k + key) * change;
      store<f32>(s, grown);
      y += grown * load<f32>(q + key);
    }
    store<f32>(out + at, y * scale);
  }
}
