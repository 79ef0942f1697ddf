import type { Reference } from '../spec.js';

/** Row `row` of W [rows, columns], row by row; magnitudes are absolute values. */
export function embedding(w: ArrayLike<number>, row: number, columns: number): Reference {
  const values = Float64Array.from({ length: columns }, (_, column) => w[row * columns + column]!);
  return { values, magnitudes: values.map(Math.abs) };
}
