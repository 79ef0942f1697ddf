/** One transformer layer with made-up weights: its shape, its numbers, and what it computes in float64. */
import type { Rng } from '../../core/rng.js';
import { floatToHalf, halfToFloat } from '../local/f16.js';
import type { NumberType, ProgramSize } from './program.js';

export interface LayerShape {
  readonly hidden: number;
  readonly ffn: number;
  /** Positions to attend to, the new token's included. */
  readonly context: number;
  readonly eps: number;
}

/** Unless it is given, the intermediate size follows Llama's rule: two thirds of 4 hidden sizes, rounded up to a multiple of 4. */
export function layerShape({ elements: hidden, ffn, context }: ProgramSize): LayerShape {
  return {
    hidden,
    ffn: ffn ?? Math.ceil(Math.floor((8 * hidden) / 3) / 4) * 4,
    context: context ?? hidden,
    eps: 1e-5,
  };
}

/** Matrices row by row [out, in]; keys and values [context, hidden], the last row to be filled by the step. */
export interface LayerWeights {
  readonly x: Float64Array;
  readonly norm1: Float64Array;
  readonly norm2: Float64Array;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly o: Float32Array;
  readonly gate: Float32Array;
  readonly up: Float32Array;
  readonly down: Float32Array;
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
  const fill = <T extends Float32Array | Float64Array>(into: T, scale: number): T => {
    for (let i = 0; i < into.length; i++) into[i] = round((2 * rng.next() - 1) * scale);
    return into;
  };
  // Rounded values fit f32 as well; what the reference computes with stays f64.
  const vector = (count: number): Float64Array => fill(new Float64Array(count), 1);
  const matrix = (rows: number, columns: number): Float32Array =>
    fill(new Float32Array(rows * columns), 1 / Math.sqrt(columns));
  return {
    x: vector(hidden),
    norm1: vector(hidden),
    norm2: vector(hidden),
    q: matrix(hidden, hidden),
    k: matrix(hidden, hidden),
    v: matrix(hidden, hidden),
    o: matrix(hidden, hidden),
    gate: matrix(ffn, hidden),
    up: matrix(ffn, hidden),
    down: matrix(hidden, ffn),
    keys: vector(context * hidden),
    values: vector(context * hidden),
  };
}

function times(matrix: Float32Array | Float64Array, x: Float64Array, rows: number): Float64Array {
  const y = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < x.length; c++) sum += matrix[r * x.length + c]! * x[c]!;
    y[r] = sum;
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
  const top = scores.reduce((most, score) => Math.max(most, score));
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
  const all = (matrix: Float32Array): Float64Array => {
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
