import { matmul } from '../matmul/reference.js';
import type { Reference } from '../spec.js';

/**
 * y [top, rows] = W[chosen] x for one token, W [matrices, rows, columns], x [columns] or [top, columns]; times `weights`
 * and plus `bias` [matrices, rows] where they are given. Magnitudes are sums of |w x|, or of `sizes` |x|.
 */
export function expertLinear(
  w: Float32Array | Float64Array,
  x: Float32Array | Float64Array,
  chosen: readonly number[],
  { rows, columns }: { readonly rows: number; readonly columns: number },
  {
    weights = null,
    bias = null,
  }: { weights?: ArrayLike<number> | null; bias?: ArrayLike<number> | null } = {},
  sizes: Float32Array | Float64Array = w,
): Reference {
  const values = new Float64Array(chosen.length * rows);
  const magnitudes = new Float64Array(values.length);
  for (const [slot, e] of chosen.entries()) {
    const input = x.length === columns ? x : x.subarray(slot * columns, (slot + 1) * columns);
    const own = (all: typeof w) => all.subarray(e * rows * columns, (e + 1) * rows * columns);
    const y = matmul(own(w), input, columns, own(sizes));
    for (let r = 0; r < rows; r++) {
      const added = bias ? bias[e * rows + r]! : 0;
      const weight = weights ? weights[slot]! : 1;
      values[slot * rows + r] = y.values[r]! * weight + added;
      magnitudes[slot * rows + r] = y.magnitudes[r]! * Math.abs(weight) + Math.abs(added);
    }
  }
  return { values, magnitudes };
}
