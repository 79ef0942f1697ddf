import type { Reference } from '../spec.js';

/** x + y, element by element; magnitudes are |x + y|. */
export function residual(x: ArrayLike<number>, y: ArrayLike<number>): Reference {
  const values = Float64Array.from({ length: x.length }, (_, i) => x[i]! + y[i]!);
  return { values, magnitudes: values.map(Math.abs) };
}
