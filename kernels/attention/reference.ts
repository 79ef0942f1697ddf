import type { Reference } from '../spec.js';

/**
 * out [dim] = softmax(q [dim] K^T * scale) V with K and V [length, dim] row by row; magnitudes are sums of
 * weight * |V|, and `scoreMagnitude` is the largest sum of |q k| * scale.
 */
export function attention(
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  v: ArrayLike<number>,
  scale: number,
): Reference & { readonly scoreMagnitude: number } {
  const dim = q.length;
  const length = k.length / dim;
  const scores = new Float64Array(length);
  let scoreMagnitude = 0;
  for (let p = 0; p < length; p++) {
    let magnitude = 0;
    for (let d = 0; d < dim; d++) {
      scores[p]! += q[d]! * k[p * dim + d]! * scale;
      magnitude += Math.abs(q[d]! * k[p * dim + d]! * scale);
    }
    scoreMagnitude = Math.max(scoreMagnitude, magnitude);
  }
  const top = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  const values = new Float64Array(dim);
  const magnitudes = new Float64Array(dim);
  for (let p = 0; p < length; p++) {
    for (let d = 0; d < dim; d++) {
      values[d]! += (weights[p]! / sum) * v[p * dim + d]!;
      magnitudes[d]! += (weights[p]! / sum) * Math.abs(v[p * dim + d]!);
    }
  }
  return { values, magnitudes, scoreMagnitude };
}
