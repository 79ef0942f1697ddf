import type { Reference } from '../spec.js';

/** What a head reads at a position, [dim] each; a and b of version 7 alone. */
export interface WkvInput {
  readonly r: ArrayLike<number>;
  readonly w: ArrayLike<number>;
  readonly k: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly a?: ArrayLike<number>;
  readonly b?: ArrayLike<number>;
}

/** A head over all positions from a state of zeros; the last one's result. `bonus` [dim] makes it version 6. */
export function wkv(positions: readonly WkvInput[], bonus: ArrayLike<number> | null): Reference {
  const dim = positions[0]!.r.length;
  // [value][key]
  const state = new Float64Array(dim * dim);
  const sizes = new Float64Array(dim * dim);
  const values = new Float64Array(dim);
  const magnitudes = new Float64Array(dim);
  for (const { r, w, k, v, a, b } of positions) {
    for (let i = 0; i < dim; i++) {
      let mixed = 0;
      let mixedSize = 0;
      for (let j = 0; a && j < dim; j++) {
        mixed += state[i * dim + j]! * a[j]!;
        mixedSize += sizes[i * dim + j]! * Math.abs(a[j]!);
      }
      values[i] = 0;
      magnitudes[i] = 0;
      for (let j = 0; j < dim; j++) {
        const at = i * dim + j;
        const pair = k[j]! * v[i]!;
        if (bonus) {
          values[i]! += r[j]! * (state[at]! + bonus[j]! * pair);
          magnitudes[i]! += Math.abs(r[j]!) * (sizes[at]! + Math.abs(bonus[j]! * pair));
        }
        state[at] = state[at]! * w[j]! + mixed * (b ? b[j]! : 0) + pair;
        sizes[at] = sizes[at]! * Math.abs(w[j]!) + mixedSize * Math.abs(b ? b[j]! : 0) + Math.abs(pair);
        if (!bonus) {
          values[i]! += r[j]! * state[at]!;
          magnitudes[i]! += Math.abs(r[j]!) * sizes[at]!;
        }
      }
    }
  }
  return { values, magnitudes };
}
