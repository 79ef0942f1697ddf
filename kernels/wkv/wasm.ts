/** One position of one head of RWKV 6 and 7; f32. */
import { sumLanes } from '../common/wasm';

@inline
function at4(x: usize, i: i32): v128 {
  return v128.load(x + <usize>(i << 2));
}

@inline
function at1(x: usize, i: i32): f32 {
  return load<f32>(x + <usize>(i << 2));
}

/**
 * state [value][key]. With `bonus` (RWKV 6): out = (state + bonus k v) r, state = w state + k v. Without (RWKV 7):
 * state = w state + (state a) b + k v, out = state r.
 */
export function wkv(
  r: usize,
  w: usize,
  k: usize,
  v: usize,
  a: usize,
  b: usize,
  bonus: usize,
  dim: i32,
  state: usize,
  out: usize,
): void {
  for (let i = 0; i < dim; i++) {
    const value = at1(v, i);
    const mixed = bonus == 0 ? dot(state, a, dim) : 0;
    let sums = f32x4.splat(0);
    let j = 0;
    for (; j + 4 <= dim; j += 4) {
      const before = at4(state, j);
      const pair = f32x4.mul(at4(k, j), f32x4.splat(value));
      let after = f32x4.mul(before, at4(w, j));
      if (bonus == 0) after = f32x4.add(after, f32x4.mul(f32x4.splat(mixed), at4(b, j)));
      after = f32x4.add(after, pair);
      v128.store(state + <usize>(j << 2), after);
      const seen = bonus == 0 ? after : f32x4.add(before, f32x4.mul(at4(bonus, j), pair));
      sums = f32x4.add(sums, f32x4.mul(at4(r, j), seen));
    }
    let sum = sumLanes(sums);
    for (; j < dim; j++) {
      const before = at1(state, j);
      const pair = at1(k, j) * value;
      let after = before * at1(w, j);
      if (bonus == 0) after += mixed * at1(b, j);
      after += pair;
      store<f32>(state + <usize>(j << 2), after);
      sum += at1(r, j) * (bonus == 0 ? after : before + at1(bonus, j) * pair);
    }
    store<f32>(out + <usize>(i << 2), sum);
    state += <usize>(dim << 2);
  }
}

function dot(x: usize, y: usize, n: i32): f32 {
  let sums = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) sums = f32x4.add(sums, f32x4.mul(at4(x, i), at4(y, i)));
  let sum = sumLanes(sums);
  for (; i < n; i++) sum += at1(x, i) * at1(y, i);
  return sum;
}
