/** Scales, mins and codes that come close to given numbers: what the encoders of types with searched scales share. */

export interface Fit {
  scale: number;
  /** Taken off, so not negative. */
  min: number;
}

const clamp = (value: number, least: number, most: number): number =>
  Math.max(least, Math.min(most, Math.round(value)));

/** The index of the entry of `values` (in rising order) next to x. */
export function nearest(values: readonly number[], x: number): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (Math.abs(values[i]! - x) < Math.abs(values[best]! - x)) best = i;
  }
  return best;
}

/**
 * The scale for which x [start, start + count) is closest to whole multiples of it from -(most + 1) to most; large
 * numbers weigh more. The number of largest size meets the end with one multiple more, so the scale can be negative.
 */
export function fitScale(x: Float32Array, start: number, count: number, most: number): number {
  return fitTo(x, start, count, -(most + 1), (value) => clamp(value, -(most + 1), most));
}

/** The same for the entries of a table, of which `extreme` is largest in size. */
export function fitTable(x: Float32Array, start: number, count: number, values: readonly number[]): number {
  return fitTo(x, start, count, values[0]!, (value) => values[nearest(values, value)]!);
}

function fitTo(
  x: Float32Array,
  start: number,
  count: number,
  extreme: number,
  round: (value: number) => number,
): number {
  let largest = 0;
  for (let i = start; i < start + count; i++) if (Math.abs(x[i]!) > Math.abs(largest)) largest = x[i]!;
  if (largest === 0) return 0;
  let best = { scale: 0, gain: 0 };
  for (let step = -9; step <= 9; step++) {
    const inverse = (extreme * (1 + 0.012 * step)) / largest;
    let xq = 0;
    let qq = 0;
    for (let i = start; i < start + count; i++) {
      const value = x[i]!;
      const q = round(value * inverse);
      xq += value * value * value * q;
      qq += value * value * q * q;
    }
    // With the best scale for these multiples the weighted error is what is there less this.
    const gain = qq > 0 ? (xq * xq) / qq : 0;
    if (gain > best.gain) best = { scale: xq / qq, gain };
  }
  return best.scale;
}

/** The scale and min for which x is closest to scale * code - min with codes 0 to most. */
export function fitScaleMin(x: Float32Array, start: number, count: number, most: number): Fit {
  let low = 0;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + count; i++) {
    low = Math.min(low, x[i]!);
    high = Math.max(high, x[i]!);
  }
  if (high <= low) return { scale: 0, min: -low };
  let best = { scale: (high - low) / most, min: -low, error: Number.POSITIVE_INFINITY };
  for (let step = -8; step <= 8; step++) {
    const inverse = (most * (1 + 0.02 * step)) / (high - low);
    let sums = { q: 0, qq: 0, x: 0, xq: 0 };
    for (let i = start; i < start + count; i++) {
      const q = clamp(inverse * (x[i]! - low), 0, most);
      sums = { q: sums.q + q, qq: sums.qq + q * q, x: sums.x + x[i]!, xq: sums.xq + x[i]! * q };
    }
    const spread = count * sums.qq - sums.q * sums.q;
    if (spread <= 0) continue;
    // Least squares for these codes; a min below zero is none.
    let scale = (count * sums.xq - sums.x * sums.q) / spread;
    let min = (scale * sums.q - sums.x) / count;
    if (min < 0) {
      min = 0;
      scale = sums.xq / sums.qq;
    }
    let error = 0;
    for (let i = start; i < start + count; i++) {
      const q = clamp(inverse * (x[i]! - low), 0, most);
      error += (x[i]! - (scale * q - min)) ** 2;
    }
    if (error < best.error) best = { scale, min, error };
  }
  return best;
}

/** The code for x under a scale and a min; 0 where nothing can be said. */
export function codeFor(value: number, scale: number, min: number, offset: number, most: number): number {
  return scale === 0 ? offset : clamp((value + min) / scale + offset, 0, most);
}

/** A number for a scale of a scale, from `least` to `most`. */
export function scaleCode(value: number, scale: number, least: number, most: number): number {
  return scale === 0 ? 0 : clamp(value / scale, least, most);
}
