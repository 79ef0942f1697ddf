import type { Reference } from '../spec.js';

/** The rotation of x [dim] at `position`; factors [dim / 2]; the magnitude of a pair is |x0| + |x1|. */
export function rope(
  x: ArrayLike<number>,
  position: number,
  theta: number,
  factors: ArrayLike<number>,
): Reference {
  const values = new Float64Array(x.length);
  const magnitudes = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 2) {
    const angle = (position * theta ** (-i / x.length)) / factors[i / 2]!;
    values[i] = x[i]! * Math.cos(angle) - x[i + 1]! * Math.sin(angle);
    values[i + 1] = x[i]! * Math.sin(angle) + x[i + 1]! * Math.cos(angle);
    magnitudes.fill(Math.abs(x[i]!) + Math.abs(x[i + 1]!), i, i + 2);
  }
  return { values, magnitudes };
}

export interface Llama3Scaling {
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalContext: number;
}

/** factors [dim / 2] of Llama 3: 1 for wavelengths that are short against the context, `factor` for long ones. */
export function llama3Factors(dim: number, theta: number, scaling: Llama3Scaling): Float64Array {
  const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
  return Float64Array.from({ length: dim / 2 }, (_, i) => {
    const turns = originalContext / (2 * Math.PI * theta ** ((2 * i) / dim));
    const kept = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    const share = Math.min(1, Math.max(0, kept));
    return 1 / ((1 - share) / factor + share);
  });
}

export interface YarnScaling {
  readonly factor: number;
  readonly originalContext: number;
}

/** factors [dim / 2] of YaRN: 1 for pairs that turn over 32 times in the context, `factor` for those under once. */
export function yarnFactors(
  dim: number,
  theta: number,
  { factor, originalContext }: YarnScaling,
): Float64Array {
  const pair = (turns: number): number =>
    (dim * Math.log(originalContext / (2 * Math.PI * turns))) / (2 * Math.log(theta));
  const low = Math.max(0, Math.floor(pair(32)));
  const high = Math.min(dim - 1, Math.ceil(pair(1)));
  return Float64Array.from({ length: dim / 2 }, (_, i) => {
    const share = Math.min(1, Math.max(0, (i - low) / Math.max(high - low, 0.001)));
    return 1 / (share / factor + 1 - share);
  });
}
