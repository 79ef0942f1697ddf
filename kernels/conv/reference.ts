import { activate } from '../activation/reference.js';
import type { Reference } from '../spec.js';

/** x [positions][channels], the newest last and zeros before the first: the newest position's result. */
export function conv(
  x: readonly ArrayLike<number>[],
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | null,
  act: 'identity' | 'silu',
  length: number,
): Reference {
  const channels = x[0]!.length;
  const values = new Float64Array(channels);
  const magnitudes = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    let sum = bias ? bias[c]! : 0;
    let size = Math.abs(sum);
    for (let i = 0; i < length; i++) {
      const at = x.length - length + i;
      if (at < 0) continue;
      const term = weight[c * length + i]! * x[at]![c]!;
      sum += term;
      size += Math.abs(term);
    }
    values[c] = activate(act, sum, null);
    magnitudes[c] = 1.1 * size + Math.abs(values[c]!);
  }
  return { values, magnitudes };
}
