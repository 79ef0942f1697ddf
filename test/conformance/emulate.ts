/**
 * The kernels' documented order of operations in plain TypeScript float32: what they must give bit for bit, on one
 * tile or with partial sums folded in a plan's order. A float64 operation on float32 numbers, rounded once more, is
 * the float32 operation (Figueroa, "When is double rounding innocuous?", 1995).
 */
import { type Int16Vector, MOST, QUERY_MOST, toInt16 } from '#kernels/kv/reference.js';
import { quantOf } from '#kernels/quants/index.js';
import { type BlockQuant, emptyBlock, isBlockQuant, valuesOf } from '#kernels/quants/quant.js';
import { type Reduce, tileStart } from '#src/placement/plan.js';
import { foldPairs, foldRoot } from '#src/placement/reduce.js';
import type { Matrix } from '../helpers/kernels.js';

const f = Math.fround;

/** Where the tiles of a sum end, in its terms, and in which order their partial sums meet. */
export interface Folds {
  readonly reduce: Reduce;
  readonly ends: readonly number[];
}

export function foldsOf(algorithm: Reduce['algorithm'], parts: number, extent: number): Folds {
  const split = { axis: 'x', extent, unit: 1, parts } as const;
  const groupSize = Math.max(1, Math.floor(Math.sqrt(parts)));
  return {
    reduce: { algorithm, axis: 'x', parts, groupSize },
    ends: Array.from({ length: parts }, (_, tile) => tileStart(split, tile + 1)),
  };
}

/** The table of kernels/common `foldPartials`. */
export function foldTable({ reduce, ends }: Folds): Int32Array<ArrayBuffer> {
  const pairs = foldPairs(reduce);
  const steps = pairs.flatMap(({ into, from }) => [into, from]);
  return Int32Array.of(reduce.parts, ...ends, pairs.length, ...steps, foldRoot(reduce));
}

/** The sum over tiles of what `partial` gives for the terms [from, to) of a tile. */
function fold(folds: Folds, partial: (from: number, to: number, tile: number) => Float32Array): Float32Array {
  const { reduce, ends } = folds;
  const partials = ends.map((to, tile) => partial(tile === 0 ? 0 : ends[tile - 1]!, to, tile));
  for (const { into, from } of foldPairs(reduce)) {
    partials[into]!.forEach((value, i, sum) => {
      sum[i] = value + partials[from]![i]!;
    });
  }
  return partials[foldRoot(reduce)]!;
}

/** An activation as matvec takes it: floats, or int8 per column and a float32 scale per block of 32. */
export interface Activation {
  readonly floats: Float32Array;
  readonly quants: ArrayLike<number>;
  readonly scales: Float32Array;
}

/** y [rows] = W x, each tile in the order of columns; `folds` are in blocks, of one column for floats. */
export function matvec(matrix: Matrix, x: Activation, folds: Folds): Float32Array {
  const quant = quantOf(matrix.type);
  return Float32Array.from({ length: matrix.rows }, (_, row) => {
    const sum = fold(folds, (from, to) =>
      Float32Array.of(
        isBlockQuant(quant)
          ? sumOfBlocks(quant, matrix, row, from, to, x)
          : sumOfColumns(matrix, row, from, to, x),
      ),
    );
    return sum[0]!;
  });
}

function sumOfColumns(
  { values, columns }: Matrix,
  row: number,
  from: number,
  to: number,
  x: Activation,
): number {
  let y = 0;
  for (let c = from; c < to; c++) y = f(y + f(values[row * columns + c]! * x.floats[c]!));
  return y;
}

/** Per span the exact integer dot times (scale * activation scale); then, less min * (activation sum * activation scale). */
function sumOfBlocks(
  quant: BlockQuant,
  { raw, columns }: Matrix,
  row: number,
  from: number,
  to: number,
  x: Activation,
): number {
  const { block, span, bytes, hasMins } = quant;
  const view = new DataView(raw.buffer);
  const decoded = emptyBlock(quant);
  const values = valuesOf(quant);
  let y = 0;
  for (let b = from; b < to; b++) {
    quant.decode(view, ((row * columns) / block + b) * bytes, decoded);
    for (let s = 0; s < block / span; s++) {
      const first = b * block + s * span;
      const quants = Array.from({ length: span }, (_, i) => x.quants[first + i]!);
      const dot = quants.reduce((sum, quant, i) => sum + values[decoded.codes[s * span + i]!]! * quant, 0);
      const scale = x.scales[Math.floor(first / 32)]!;
      y = f(y + f(dot * f(f(decoded.scale * decoded.scales[s]!) * scale)));
      if (!hasMins) continue;
      const total = quants.reduce((sum, quant) => sum + quant, 0);
      y = f(y - f(f(decoded.min * decoded.mins[s]!) * f(total * scale)));
    }
  }
  return y;
}

/** y = x / sqrt(mean(x^2) + eps) * weight: four interleaved sums of squares per tile, then (0 + 1) + (2 + 3). */
export function rmsnorm(x: Float32Array, weight: Float32Array, eps: number, folds: Folds): Float32Array {
  const squares = fold(folds, (from, to) => {
    const lanes = new Float32Array(4);
    for (let i = from; i < to; i++) lanes[(i - from) % 4]! += f(x[i]! * x[i]!);
    return Float32Array.of(f(lanes[0]! + lanes[1]!) + f(lanes[2]! + lanes[3]!));
  });
  const scale = f(1 / f(Math.sqrt(f(f(squares[0]! / x.length) + eps))));
  return x.map((value, i) => f(value * scale) * weight[i]!);
}

/** softmax(q K^T * scale) V; position p lies on tile p mod tiles; K and V [length, dim] row by row. */
export function attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  scale: number,
  folds: Folds,
): Float32Array {
  const dim = q.length;
  const length = k.length / dim;
  const tiles = folds.reduce.parts;
  const scores = Float32Array.from({ length }, (_, p) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum = f(sum + f(q[d]! * k[p * dim + d]!));
    return sum * scale;
  });
  const top = exponent(scores.reduce((a, b) => Math.max(a, b)));
  const weights = scores.map((score) => {
    const n = exponent(score);
    return n - top < -125 ? 0 : mantissa(score, n) * 2 ** (n - top);
  });
  // Places 0 to 3 are sums of weights, the others are the weighted sum of V.
  const total = fold(folds, (_from, _to, tile) => {
    const partial = new Float32Array(4 + dim);
    for (let p = tile; p < length; p += tiles) {
      partial[tiles === 1 ? p % 4 : 0]! += weights[p]!;
      for (let d = 0; d < dim; d++) partial[4 + d]! += f(weights[p]! * v[p * dim + d]!);
    }
    return partial;
  });
  const sum = f(f(total[0]! + total[1]!) + f(total[2]! + total[3]!));
  return total.slice(4).map((value) => value / sum);
}

/** `length` vectors of a cache of int16. */
export const int16Vectors = (x: Float32Array, dim: number): Int16Vector[] =>
  Array.from({ length: x.length / dim }, (_, p) => toInt16(x.subarray(p * dim, (p + 1) * dim)));

/** Attention over a cache of int16 on one tile, K and V [length, dim]. */
export function attentionOfInt16(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  scale: number,
): Float32Array {
  const dim = q.length;
  const [keys, values] = [int16Vectors(k, dim), int16Vectors(v, dim)];
  const query = toInt16(q, QUERY_MOST);
  const queryScale = f(scale * query.scale);
  const scores = keys.map((key) => {
    let whole = 0;
    for (let from = 0; from < dim; from += 64) {
      const products = key.codes.slice(from, from + 64).map((code, d) => code * query.codes[from + d]!);
      whole = f(whole + f(products.reduce((a, b) => a + b, 0)));
    }
    return f(whole * f(key.scale * queryScale));
  });
  let top = Number.NEGATIVE_INFINITY;
  let sums = new Float32Array(4);
  let out = new Float32Array(dim);
  for (let start = 0; start < scores.length; start += 128) {
    const block = scores.slice(start, start + 128);
    const before = top;
    top = Math.max(top, exponent(block.reduce((a, b) => Math.max(a, b))));
    const down = before - top < -125 ? 0 : 2 ** (before - top);
    sums = sums.map((sum) => sum * down);
    out = out.map((sum) => sum * down);
    const products = block.map((score, i) => {
      const t = f(score * f(Math.LOG2E));
      if (t < top - 125) return 0;
      const n = roundHalfEven(t);
      const weight = f(exp2Fraction(f(t - n)) * 2 ** (n - top));
      sums[i % 4]! += weight;
      return f(weight * values[start + i]!.scale);
    });
    const step = f(products.reduce((a, b) => Math.max(a, b)) / MOST);
    const inverse = step > 3e-39 ? f(1 / step) : 0;
    const weights = products.map((product) => roundHalfEven(f(product * inverse)));
    for (let page = 0; page < weights.length; page += 32) {
      const some = weights.slice(page, page + 32);
      out = out.map((sum, d) => {
        const whole = some.reduce(
          (total, weight, p) => total + weight * values[start + page + p]!.codes[d]!,
          0,
        );
        return sum + f(f(whole) * step);
      });
    }
  }
  const sum = f(f(sums[0]! + sums[1]!) + f(sums[2]! + sums[3]!));
  return out.map((value) => value / sum);
}

const exp2Polynomial = [
  1.5353361883195e-4, 1.339887440266574e-3, 9.61843735767464e-3, 5.550332471162809e-2, 2.402264791363012e-1,
  6.931472028550421e-1, 1,
].map(f);

/** 2^x for x from -0.5 to 0.5, as kernels/attention/int16 has it. */
const exp2Fraction = (x: number): number =>
  exp2Polynomial.slice(1).reduce((p, coefficient) => f(f(p * x) + coefficient), exp2Polynomial[0]!);

/** gate / (1 + exp(-gate)) * up. */
export function swiglu(gate: Float32Array, up: Float32Array): Float32Array {
  return gate.map((g, i) => f(g / f(1 + exp(-g))) * up[i]!);
}

const polynomial = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
].map(f);
const lowest = f(-87.3);

/** The exp of kernels/common in float32: 2^n times Cephes' polynomial of what is left. */
export function exp(x: number): number {
  if (x < lowest) return 0;
  const clamped = Math.min(x, 88);
  const n = exponent(clamped);
  return f(mantissa(clamped, n) * 2 ** n);
}

const exponent = (x: number): number => roundHalfEven(f(x * f(Math.LOG2E)));

function mantissa(x: number, n: number): number {
  const r = f(f(x - f(n * 0.693359375)) - f(n * f(-2.1219444e-4)));
  let p = polynomial[0]!;
  for (const coefficient of polynomial.slice(1)) p = f(f(p * r) + coefficient);
  return f(f(f(p * f(r * r)) + r) + 1);
}

function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  if (x - down === 0.5) return down % 2 === 0 ? down : down + 1;
  return Math.round(x);
}

/** Null when both hold the same bits (all NaN are one), else where they first differ. */
export function firstDifference(actual: Float32Array, expected: Float32Array): string | null {
  if (actual.length !== expected.length) return `${actual.length} values, not ${expected.length}`;
  const index = actual.findIndex((value, i) => !Object.is(value, expected[i]));
  return index < 0 ? null : `${actual[index]} is not ${expected[index]} at index ${index}`;
}
