import type { Reference } from '../spec.js';

/** Y [count, rows] = X [count, columns] W^T, both row by row; magnitudes are sums of |w x|, or of sizes |x|. */
export function matmul(w: ArrayLike<number>, x: ArrayLike<number>, columns: number, sizes = w): Reference {
  const rows = w.length / columns;
  const count = x.length / columns;
  const values = new Float64Array(count * rows);
  const magnitudes = new Float64Array(count * rows);
  for (let m = 0; m < count; m++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const product = w[row * columns + column]! * x[m * columns + column]!;
        values[m * rows + row]! += product;
        magnitudes[m * rows + row]! += Math.abs(sizes[row * columns + column]! * x[m * columns + column]!);
      }
    }
  }
  return { values, magnitudes };
}
