import type { Reference } from '../spec.js';

/** y [rows] = W [rows, columns] x [columns], W row by row; magnitudes are sums of |w x|, or of sizes |x|. */
export function matvec(w: ArrayLike<number>, x: ArrayLike<number>, sizes = w): Reference {
  const columns = x.length;
  const rows = w.length / columns;
  const values = new Float64Array(rows);
  const magnitudes = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const product = w[row * columns + column]! * x[column]!;
      values[row]! += product;
      magnitudes[row]! += Math.abs(sizes[row * columns + column]! * x[column]!);
    }
  }
  return { values, magnitudes };
}
