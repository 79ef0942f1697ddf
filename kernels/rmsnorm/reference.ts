import type { Reference } from '../spec.js';

/** y [columns] = x / sqrt(mean(x^2) + eps) * weight; magnitudes are |y|. */
export function rmsnorm(x: ArrayLike<number>, weight: ArrayLike<number>, eps: number): Reference {
  let squares = 0;
  for (let i = 0; i < x.length; i++) squares += x[i]! ** 2;
  const root = Math.sqrt(squares / x.length + eps);
  const values = Float64Array.from({ length: x.length }, (_, i) => (x[i]! / root) * weight[i]!);
  return { values, magnitudes: values.map(Math.abs) };
}
