import { activate } from '../activation/reference.js';
import type { Reference } from '../spec.js';

/** What a head reads at a position. */
export interface ScanInput {
  readonly x: ArrayLike<number>;
  readonly dt: number;
  readonly b: ArrayLike<number>;
  readonly c: ArrayLike<number>;
}

/** A head over all positions from a state of zeros; the last one's result. `a` [1] or [stateSize]. */
export function scan(positions: readonly ScanInput[], a: ArrayLike<number>, d: number): Reference {
  const headDim = positions[0]!.x.length;
  const stateSize = positions[0]!.b.length;
  const state = new Float64Array(headDim * stateSize);
  const sizes = new Float64Array(headDim * stateSize);
  const values = new Float64Array(headDim);
  const magnitudes = new Float64Array(headDim);
  for (const { x, dt, b, c } of positions) {
    const step = activate('softplus', dt, null);
    for (let i = 0; i < headDim; i++) {
      values[i] = d * x[i]!;
      magnitudes[i] = Math.abs(values[i]!);
      for (let n = 0; n < stateSize; n++) {
        const at = i * stateSize + n;
        const decay = Math.exp(step * a[a.length === 1 ? 0 : n]!);
        state[at] = decay * state[at]! + step * x[i]! * b[n]!;
        sizes[at] = decay * sizes[at]! + step * Math.abs(x[i]! * b[n]!);
        values[i]! += state[at]! * c[n]!;
        magnitudes[i]! += sizes[at]! * Math.abs(c[n]!);
      }
    }
  }
  return { values, magnitudes };
}
