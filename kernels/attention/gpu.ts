/**
 * Attention over a KV cache in device memory: append, scores, their maxima, exponentials, sums of values, quotient.
 * One cache per layer, [context][2 kvSize]: the keys of a position, then its values.
 */
import type { GpuThread, GpuVector, Unwritten } from '../gpu.js';

export interface AppendConstants {
  readonly parts: number;
  readonly tokens: number;
  /** Values of q, k and v together of one token. */
  readonly stride: number;
  /** Where k begins in them. */
  readonly offset: number;
  /** Values of k, and of v, of one token. */
  readonly kvSize: number;
  readonly headDim: number;
}

/** Writes k, turned by RoPE, and v of `count` tokens from `position` on; all other threads leave the cache as it is. */
export function appendKv(
  this: GpuThread<AppendConstants>,
  qkv: GpuVector,
  cos: GpuVector,
  sin: GpuVector,
  position: number,
  count: number,
): number | Unwritten {
  const width = 2 * this.constants.kvSize;
  const first = this.thread.x - position * width;
  if (first >= 0 && first < count * width) {
    const token = Math.floor((first + 0.5) / width);
    const column = first - token * width;
    const pair = Math.floor((column + 0.5) / 2);
    const from = token * this.constants.stride + this.constants.offset + pair * 2;
    let even = 0;
    let odd = 0;
    for (let p = 0; p < this.constants.parts; p++) {
      even += qkv[from + p * this.constants.tokens * this.constants.stride]!;
      odd += qkv[from + p * this.constants.tokens * this.constants.stride + 1]!;
    }
    const isOdd = column - pair * 2;
    if (column >= this.constants.kvSize) return even * (1 - isOdd) + odd * isOdd;
    const half = this.constants.headDim / 2;
    const head = Math.floor((pair + 0.5) / half);
    const angle = (position + token) * half + pair - head * half;
    const c = cos[angle]!;
    const s = sin[angle]!;
    return (even * c - odd * s) * (1 - isOdd) + (even * s + odd * c) * isOdd;
  }
}

export interface ScoreConstants {
  readonly heads: number;
  /** Query heads that share a KV head. */
  readonly group: number;
  readonly headDim: number;
  readonly kvSize: number;
  readonly context: number;
  readonly scale: number;
}

/** S [tokens][heads][context] = q k * scale up to each token's own position. */
export function scores(
  this: GpuThread<ScoreConstants>,
  q: GpuVector,
  kv: GpuVector,
  position: number,
  count: number,
): number {
  const row = Math.floor((this.thread.x + 0.5) / this.constants.context);
  const at = this.thread.x - row * this.constants.context;
  const token = Math.floor((row + 0.5) / this.constants.heads);
  if (token >= count || at > position + token) return 0;
  const head = row - token * this.constants.heads;
  const kvHead = Math.floor((head + 0.5) / this.constants.group);
  const key = at * 2 * this.constants.kvSize + kvHead * this.constants.headDim;
  const query = row * this.constants.headDim;
  let sum = 0;
  for (let d = 0; d < this.constants.headDim; d++) {
    sum += q[query + d]! * kv[key + d]!;
  }
  return sum * this.constants.scale;
}

export interface MaximumConstants {
  readonly heads: number;
  /** tokens * heads. */
  readonly rows: number;
  readonly context: number;
  /** Positions of one part. */
  readonly partPositions: number;
}

/** m [parts][tokens][heads]: the highest score of a part's positions. */
export function maxima(
  this: GpuThread<MaximumConstants>,
  scored: GpuVector,
  position: number,
  count: number,
): number {
  const part = Math.floor((this.thread.x + 0.5) / this.constants.rows);
  const row = this.thread.x - part * this.constants.rows;
  const token = Math.floor((row + 0.5) / this.constants.heads);
  const from = part * this.constants.partPositions;
  let most = -3.4e38;
  for (let i = 0; i < this.constants.partPositions; i++) {
    if (token < count && from + i <= position + token) {
      most = Math.max(most, scored[row * this.constants.context + from + i]!);
    }
  }
  return most;
}

export interface WeightConstants {
  readonly heads: number;
  /** tokens * heads. */
  readonly rows: number;
  readonly context: number;
  readonly parts: number;
}

/** E [tokens][heads][context] = exp(score - highest score). */
export function weights(
  this: GpuThread<WeightConstants>,
  scored: GpuVector,
  most: GpuVector,
  position: number,
  count: number,
): number {
  const row = Math.floor((this.thread.x + 0.5) / this.constants.context);
  const token = Math.floor((row + 0.5) / this.constants.heads);
  if (token >= count || this.thread.x - row * this.constants.context > position + token) return 0;
  let top = most[row]!;
  for (let p = 1; p < this.constants.parts; p++) {
    top = Math.max(top, most[p * this.constants.rows + row]!);
  }
  return Math.exp(scored[this.thread.x]! - top);
}

export interface ValueConstants {
  readonly heads: number;
  /** tokens * heads. */
  readonly rows: number;
  readonly group: number;
  readonly headDim: number;
  readonly kvSize: number;
  readonly context: number;
  /** Positions of one part. */
  readonly partPositions: number;
}

/** [parts][tokens][heads][headDim + 1]: the weighted sum of the values of a part's positions, then that of ones. */
export function valueSums(
  this: GpuThread<ValueConstants>,
  weighted: GpuVector,
  kv: GpuVector,
  position: number,
  count: number,
): number {
  const width = this.constants.headDim + 1;
  const line = Math.floor((this.thread.x + 0.5) / width);
  const column = this.thread.x - line * width;
  const part = Math.floor((line + 0.5) / this.constants.rows);
  const row = line - part * this.constants.rows;
  const token = Math.floor((row + 0.5) / this.constants.heads);
  if (token >= count) return 0;
  const kvHead = Math.floor((row - token * this.constants.heads + 0.5) / this.constants.group);
  const from = part * this.constants.partPositions;
  const weight = row * this.constants.context + from;
  let sum = 0;
  if (column < this.constants.headDim) {
    const value = (2 * from + 1) * this.constants.kvSize + kvHead * this.constants.headDim + column;
    for (let i = 0; i < this.constants.partPositions; i++) {
      if (from + i > position + token) break;
      sum += weighted[weight + i]! * kv[value + i * 2 * this.constants.kvSize]!;
    }
  } else {
    for (let j = 0; j < this.constants.partPositions; j++) {
      if (from + j > position + token) break;
      sum += weighted[weight + j]!;
    }
  }
  return sum;
}

export interface QuotientConstants {
  readonly parts: number;
  /** tokens * heads. */
  readonly rows: number;
  readonly headDim: number;
}

/** Out [tokens][heads][headDim]: the sums over all parts, divided by that of the weights. */
export function quotients(this: GpuThread<QuotientConstants>, sums: GpuVector): number {
  const row = Math.floor((this.thread.x + 0.5) / this.constants.headDim);
  const width = this.constants.headDim + 1;
  const at = this.thread.x + row;
  const last = row * width + this.constants.headDim;
  let sum = 0;
  let all = 0;
  for (let p = 0; p < this.constants.parts; p++) {
    sum += sums[p * this.constants.rows * width + at]!;
    all += sums[p * this.constants.rows * width + last]!;
  }
  if (all === 0) return 0;
  return sum / all;
}
