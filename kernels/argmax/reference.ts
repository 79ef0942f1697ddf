import type { Reference } from '../spec.js';

/** The lowest index of the largest number of x; 0 when no number is above -Infinity. */
export function argmax(x: ArrayLike<number>): number {
  let best = 0;
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < x.length; i++) {
    if (x[i]! > largest) {
      largest = x[i]!;
      best = i;
    }
  }
  return best;
}

/** log(sum(exp(x))), without overflow. */
export function logSumExp(x: ArrayLike<number>): Reference {
  const top = x[argmax(x)]!;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += Math.exp(x[i]! - top);
  const log = Math.log(sum);
  return { values: Float64Array.of(top + log), magnitudes: Float64Array.of(Math.abs(top) + Math.abs(log)) };
}
