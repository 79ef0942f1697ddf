import type { Reference } from '../spec.js';

/** How logits become the weights of streams. */
export interface Weighing {
  readonly streams: number;
  /** Of all logits together, in place of the sigmoids. */
  readonly isSoftmax: boolean;
  /** Added to the weights to read by, and to every sum that divides. */
  readonly eps: number;
  /** Multiplies the weights to write by, to which `writeEps` is added. */
  readonly magnitude: number;
  readonly writeEps: number;
  /** How often the mixing matrix' columns are divided by their sums; in between its rows. */
  readonly iterations: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function softmax(x: readonly number[]): number[] {
  const top = Math.max(...x);
  const weights = x.map((value) => Math.exp(value - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Weights of `streams` from as many logits, twice as many, or (2 + streams) times as many; magnitudes grow with the logits' terms. */
export function weighStreams(
  logits: ArrayLike<number>,
  scale: ArrayLike<number> | null,
  base: ArrayLike<number> | null,
  { streams, isSoftmax, eps, magnitude, writeEps, iterations }: Weighing,
): Reference {
  const part = (i: number): number => Math.min(2, Math.floor(i / streams));
  const factor = (i: number): number => (scale ? scale[part(i)]! : 1);
  const affine = Array.from(logits, (x, i) => x * factor(i) + (base ? base[i]! : 0));
  const terms = Array.from(logits, (x, i) => Math.abs(x * factor(i)) + Math.abs(base ? base[i]! : 0));
  const largest = 1 + Math.max(...terms);
  let values: number[];
  if (isSoftmax) values = softmax(affine);
  else {
    values = affine.slice(0, 2 * streams).map(sigmoid);
    values = values.map((x, i) => (i < streams ? x + eps : magnitude * x + writeEps));
    values.push(...mixing(affine.slice(2 * streams), streams, eps, iterations));
  }
  const magnitudes = Float64Array.from(values, (value) => Math.abs(value) * largest);
  return { values: Float64Array.from(values), magnitudes };
}

function mixing(logits: readonly number[], streams: number, eps: number, iterations: number): number[] {
  const rows = logits.length / streams;
  const m = Array.from({ length: rows }, (_, from) =>
    softmax(logits.slice(from * streams, (from + 1) * streams)).map((x) => x + eps),
  );
  for (let i = 0; i < iterations && rows > 0; i++) {
    if (i > 0) {
      for (const row of m) {
        const sum = row.reduce((a, b) => a + b, eps);
        for (const to of row.keys()) row[to]! /= sum;
      }
    }
    for (let to = 0; to < streams; to++) {
      const sum = m.reduce((total, row) => total + row[to]!, eps);
      for (const row of m) row[to]! /= sum;
    }
  }
  return m.flat();
}

/** out [streams][features] of x [streams][features] and what comes `from` [features]; weights as weighStreams gives them. */
export function writeStreams(
  x: ArrayLike<number>,
  from: ArrayLike<number>,
  weights: ArrayLike<number>,
  streams: number,
): Reference {
  const n = from.length;
  const isMixed = weights.length > 2 * streams;
  const values = new Float64Array(x.length);
  const magnitudes = new Float64Array(x.length);
  for (let to = 0; to < streams; to++) {
    for (let f = 0; f < n; f++) {
      const add = (part: number): void => {
        values[to * n + f]! += part;
        magnitudes[to * n + f]! += Math.abs(part);
      };
      add(weights[streams + to]! * from[f]!);
      if (!isMixed) add(x[to * n + f]!);
      for (let s = 0; isMixed && s < streams; s++) add(weights[(2 + s) * streams + to]! * x[s * n + f]!);
    }
  }
  return { values, magnitudes };
}
