import type { Reference } from '../spec.js';

/** out [n] = sum over e of weights[e] * x[e], of x [top, n]; null for a plain sum. Magnitudes are sums of |weight x|. */
export function mix(x: ArrayLike<number>, weights: ArrayLike<number> | null, top: number): Reference {
  const n = x.length / top;
  const values = new Float64Array(n);
  const magnitudes = new Float64Array(n);
  for (let e = 0; e < top; e++) {
    for (let f = 0; f < n; f++) {
      const part = (weights ? weights[e]! : 1) * x[e * n + f]!;
      values[f]! += part;
      magnitudes[f]! += Math.abs(part);
    }
  }
  return { values, magnitudes };
}
