import type { Reference } from '../spec.js';

/** y [columns] = (x - mean) / sqrt(variance + eps) * weight + bias; magnitudes are those of the terms. */
export function layernorm(
  x: ArrayLike<number>,
  weight: ArrayLike<number> | null,
  bias: ArrayLike<number> | null,
  eps: number,
): Reference {
  const n = x.length;
  let sum = 0;
  let size = 0;
  for (let i = 0; i < n; i++) {
    sum += x[i]!;
    size += Math.abs(x[i]!);
  }
  const mean = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (x[i]! - mean) ** 2;
  const root = Math.sqrt(squares / n + eps);
  const factor = (i: number): number => (weight ? weight[i]! : 1) / root;
  return {
    values: Float64Array.from({ length: n }, (_, i) => (x[i]! - mean) * factor(i) + (bias ? bias[i]! : 0)),
    magnitudes: Float64Array.from(
      { length: n },
      (_, i) => (Math.abs(x[i]!) + size / n) * Math.abs(factor(i)) + Math.abs(bias ? bias[i]! : 0),
    ),
  };
}
