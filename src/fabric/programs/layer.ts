/** One transformer layer with made-up weights: its shape, its numbers, and what it computes in float64. */
import type { Rng } from '../../core/rng.js';
import { floatToHalf, halfToFloat } from '../local/f16.js';
import type { NumberType } from './program.js';

export interface LayerShape {
  readonly hidden: number;
  readonly ffn: number;
  /** Positions to attend to, the new token's included. */
  readonly context: number;
  readonly eps: number;
}

/** The intermediate size follows Llama's rule: two thirds of 4 hidden sizes, rounded up to a multiple of 4. */
export function layerShape(hidden: number): LayerShape {
  return { hidden, ffn: Math.ceil(Math.floor((8 * hidden) / 3) / 4) * 4, context: hidden, eps: 1e-5 };
}

/** Matrices row by row [out, in]; keys and values [context, hidden], the last row to be filled by the step. */
export interface LayerWeights {
  readonly x: Float64Array;
  readonly norm1: Float64Array;
  readonly norm2: Float64Array;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly o: Float64Array;
  readonly gate: Float64Array;
  readonly up: Float64Array;
  readonly down: Float64Array;
  readonly keys: Float64Array;
  readonly values: Float64Array;
}

/** Weights with the variance of a trained layer, already rounded to the element type. */
export function decodeWeights(
  { hidden, ffn, context }: LayerShape,
  rng: Rng,
  type: NumberType,
): LayerWeights {
  const round = type === 'f16' ? (value: number) => halfToFloat(floatToHalf(value)) : Math.fround;
  const make = (count: number, scale: number): Float64Array =>
    Float64Array.from({ length: count }, () => round((2 * rng.next() - 1) * scale));
  const square = 1 / Math.sqrt(hidden);
  return {
    x: make(hidden, 1),
    norm1: make(hidden, 1),
    norm2: make(hidden, 1),
    q: make(hidden * hidden, square),
    k: make(hidden * hidden, square),
    v: make(hidden * hidden, square),
    o: make(hidden * hidden, square),
    gate: make(ffn * hidden, square),
    up: make(ffn * hidden, square),
    down: make(hidden * ffn, 1 / Math.sqrt(ffn)),
    keys: make(context * hidden, 1),
    values: make(context * hidden, 1),
  };
}

function times(matrix: Float64Array, x: Float64Array, rows: number): Float64Array {
  const y = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < x.length; c++) y[r]! += matrix[r * x.length + c]! * x[c]!;
  }
  return y;
}

function normed(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const mean = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  return x.map((value, i) => (value / Math.sqrt(mean + eps)) * weight[i]!);
}

/** softmax(q K^T / sqrt(hidden)) V over the first `seen` positions. */
function attend(q: Float64Array, keys: Float64Array, values: Float64Array, seen: number): Float64Array {
  const hidden = q.length;
  const scores = times(keys.subarray(0, seen * hidden), q, seen).map((score) => score / Math.sqrt(hidden));
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const out = new Float64Array(hidden);
  for (let p = 0; p < seen; p++) {
    for (let d = 0; d < hidden; d++) out[d]! += (weights[p]! / total) * values[p * hidden + d]!;
  }
  return out;
}

/** x after attention's output, the second norm and the feed-forward part. */
function finish(
  { hidden, ffn, eps }: LayerShape,
  w: LayerWeights,
  before: Float64Array,
  attention: Float64Array,
): Float64Array {
  const o = times(w.o, attention, hidden);
  const x = before.map((value, i) => value + o[i]!);
  const z = normed(x, w.norm2, eps);
  const up = times(w.up, z, ffn);
  const gated = times(w.gate, z, ffn).map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
  const down = times(w.down, gated, hidden);
  return x.map((value, i) => value + down[i]!);
}

/** x after one decode step of the layer, in float64. */
export function decodeReference(shape: LayerShape, w: LayerWeights): Float64Array<ArrayBuffer> {
  const { hidden, context, eps } = shape;
  const h = normed(w.x, w.norm1, eps);
  const keys = w.keys.slice();
  const values = w.values.slice();
  keys.set(times(w.k, h, hidden), (context - 1) * hidden);
  values.set(times(w.v, h, hidden), (context - 1) * hidden);
  return Float64Array.from(finish(shape, w, w.x, attend(times(w.q, h, hidden), keys, values, context)));
}

/** The activations [tokens, hidden] after the layer, token i attending to tokens 0 to i, in float64. */
export function prefillReference(shape: LayerShape, w: LayerWeights): Float64Array<ArrayBuffer> {
  const { hidden, context, eps } = shape;
  const rows = Array.from({ length: context }, (_, i) => w.keys.slice(i * hidden, (i + 1) * hidden));
  const normedRows = rows.map((x) => normed(x, w.norm1, eps));
  const all = (matrix: Float64Array): Float64Array => {
    const out = new Float64Array(context * hidden);
    for (const [i, h] of normedRows.entries()) out.set(times(matrix, h, hidden), i * hidden);
    return out;
  };
  const [q, k, v] = [all(w.q), all(w.k), all(w.v)];
  const result = new Float64Array(context * hidden);
  for (const [i, x] of rows.entries()) {
    const attention = attend(q.subarray(i * hidden, (i + 1) * hidden), k, v, i + 1);
    result.set(finish(shape, w, x, attention), i * hidden);
  }
  return result;
}
