/**
 * One query head over the KV cache of one sequence. The cache is paged: PAGE positions of all KV heads of a layer.
 * A page holds K as [kv head][position / 4][dim][4 positions], so that a lane belongs to a position and q.k is a
 * plain sum over dims, then V as [kv head][position][dim]; dim is rounded up to a multiple of 4 with zeros.
 *
 * Order of sums: q.k over dims; the softmax sum and V over positions within a position tile (position p lies on
 * tile p mod tiles); tiles in the order of the plan's fold table.
 */
import { expF32x4, f32ToF16, foldPartials, loadFour } from '../common/wasm';

/** Positions per page of the KV cache. */
export const PAGE: i32 = 32;

@inline
function padded(dim: i32): i32 {
  return (dim + 3) & ~3;
}

/** Bytes of one page of one layer; `valueBytes` is 4 for f32, 2 for f16. */
export function pageBytes(kvHeads: i32, dim: i32, valueBytes: i32): i32 {
  return 2 * kvHeads * PAGE * padded(dim) * valueBytes;
}

@inline
function put<T>(ptr: usize, value: f32): void {
  if (sizeof<T>() == 4) store<f32>(ptr, value);
  else store<u16>(ptr, <u16>f32ToF16(value));
}

function appendAs<T>(page: usize, slot: i32, kvHead: i32, kvHeads: i32, dim: i32, k: usize, v: usize): void {
  const width = padded(dim);
  const head = <usize>(PAGE * width) * sizeof<T>();
  let toK = page + <usize>kvHead * head + <usize>(((slot >> 2) * width << 2) + (slot & 3)) * sizeof<T>();
  let toV = page + <usize>(kvHeads + kvHead) * head + <usize>(slot * width) * sizeof<T>();
  for (let d = 0; d < width; d++) {
    put<T>(toK, d < dim ? load<f32>(k) : 0);
    put<T>(toV, d < dim ? load<f32>(v) : 0);
    k += 4;
    v += 4;
    toK += 4 * sizeof<T>();
    toV += sizeof<T>();
  }
}

/** Stores k and v [dim] of one KV head in `slot` (position mod PAGE) of a page. */
export function kvAppend(
  page: usize,
  slot: i32,
  kvHead: i32,
  kvHeads: i32,
  dim: i32,
  k: usize,
  v: usize,
  valueBytes: i32,
): void {
  if (valueBytes == 4) appendAs<f32>(page, slot, kvHead, kvHeads, dim, k, v);
  else appendAs<u16>(page, slot, kvHead, kvHeads, dim, k, v);
}

/** Raw q.k of 16 positions from `k` (four groups of four) into `scores`. */
@inline
function scores16<T>(q: usize, k: usize, width: i32, dim: i32, scale: v128, scores: usize): void {
  const group = <usize>(width << 2) * sizeof<T>();
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const end = q + <usize>(dim << 2);
  for (; q < end; q += 4, k += 4 * sizeof<T>()) {
    const x = v128.load32_splat(q);
    s0 = f32x4.add(s0, f32x4.mul(x, loadFour<T>(k)));
    s1 = f32x4.add(s1, f32x4.mul(x, loadFour<T>(k + group)));
    s2 = f32x4.add(s2, f32x4.mul(x, loadFour<T>(k + 2 * group)));
    s3 = f32x4.add(s3, f32x4.mul(x, loadFour<T>(k + 3 * group)));
  }
  v128.store(scores, f32x4.mul(s0, scale));
  v128.store(scores, f32x4.mul(s1, scale), 16);
  v128.store(scores, f32x4.mul(s2, scale), 32);
  v128.store(scores, f32x4.mul(s3, scale), 48);
}

/** out[0, count * 4) = sum over p = first, first + step, ... of weights[p] * V[p][from ...]; count is 1 to 4 vectors. */
@inline
function weightedV<T>(
  layer: usize,
  pages: usize,
  bytes: i32,
  v: usize,
  rowBytes: usize,
  weights: usize,
  first: i32,
  step: i32,
  length: i32,
  count: i32,
  out: usize,
): void {
  let o0 = f32x4.splat(0), o1 = o0, o2 = o0, o3 = o0;
  let p = first;
  while (p < length) {
    const rows = layer + <usize>load<i32>(pages + <usize>((p / PAGE) << 2)) * <usize>bytes + v;
    const end = min(length, (p | (PAGE - 1)) + 1);
    for (; p < end; p += step) {
      const e = v128.load32_splat(weights + <usize>(p << 2));
      const row = rows + <usize>(p & (PAGE - 1)) * rowBytes;
      o0 = f32x4.add(o0, f32x4.mul(e, loadFour<T>(row)));
      if (count > 1) o1 = f32x4.add(o1, f32x4.mul(e, loadFour<T>(row + 4 * sizeof<T>())));
      if (count > 2) o2 = f32x4.add(o2, f32x4.mul(e, loadFour<T>(row + 8 * sizeof<T>())));
      if (count > 3) o3 = f32x4.add(o3, f32x4.mul(e, loadFour<T>(row + 12 * sizeof<T>())));
    }
  }
  v128.store(out, o0);
  if (count > 1) v128.store(out, o1, 16);
  if (count > 2) v128.store(out, o2, 32);
  if (count > 3) v128.store(out, o3, 48);
}

/** scores [length] become exp(score - max); the sum is still to be divided by. Writes up to 3 floats past the end. */
function softmaxWeights(scores: usize, length: i32): void {
  for (let p = length; p < ((length + 3) & ~3); p++) store<f32>(scores + <usize>(p << 2), -Infinity);
  const end = scores + <usize>(((length + 3) & ~3) << 2);
  let m = v128.load(scores);
  for (let p = scores + 16; p < end; p += 16) m = f32x4.pmax(m, v128.load(p));
  const top = f32x4.splat(
    max(
      max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
      max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
    ),
  );
  for (let p = scores; p < end; p += 16) v128.store(p, expF32x4(f32x4.sub(v128.load(p), top)));
}

function attend<T>(
  q: usize,
  dim: i32,
  layer: usize,
  pages: usize,
  kvHead: i32,
  kvHeads: i32,
  length: i32,
  scale: f32,
  out: usize,
  scores: usize,
  folds: usize,
  scratch: usize,
): void {
  const width = padded(dim);
  const bytes = pageBytes(kvHeads, dim, sizeof<T>());
  const head = <usize>(PAGE * width) * sizeof<T>();
  const scales = f32x4.splat(scale);
  for (let p = 0; p < length; p += 16) {
    const page = layer + <usize>load<i32>(pages + <usize>((p / PAGE) << 2)) * <usize>bytes;
    const k = page + <usize>kvHead * head + <usize>((p & (PAGE - 1)) * width) * sizeof<T>();
    scores16<T>(q, k, width, dim, scales, scores + <usize>(p << 2));
  }

  softmaxWeights(scores, length);

  // A tile's partial result: [sum of weights, 0, 0, 0] then the weighted V.
  const tiles = folds == 0 ? 1 : load<i32>(folds);
  const vectors = width >> 2;
  const rowBytes = <usize>width * sizeof<T>();
  for (let t = 0; t < tiles; t++) {
    const partial = scratch + <usize>((t * (vectors + 1)) << 4);
    let sum: f32 = 0;
    for (let p = t; p < length; p += tiles) sum += load<f32>(scores + <usize>(p << 2));
    v128.store(partial, f32x4.replace_lane(f32x4.splat(0), 0, sum));
    let d = 0;
    let v = <usize>(kvHeads + kvHead) * head;
    let o = partial + 16;
    for (; d + 4 <= vectors; d += 4, o += 64, v += 16 * sizeof<T>()) {
      weightedV<T>(layer, pages, bytes, v, rowBytes, scores, t, tiles, length, 4, o);
    }
    for (; d < vectors; d++, o += 16, v += 4 * sizeof<T>()) {
      weightedV<T>(layer, pages, bytes, v, rowBytes, scores, t, tiles, length, 1, o);
    }
  }
  const total = folds == 0 ? scratch : foldPartials(folds, scratch, vectors + 1);
  const sum = f32x4.splat(load<f32>(total));
  for (let d = 0; d < dim >> 2; d++) {
    v128.store(out + <usize>(d << 4), f32x4.div(v128.load(total + 16 + <usize>(d << 4)), sum));
  }
  for (let d = dim & ~3; d < dim; d++) {
    store<f32>(out + <usize>(d << 2), load<f32>(total + 16 + <usize>(d << 2)) / f32x4.extract_lane(sum, 0));
  }
}

/**
 * softmax(q K^T * scale) V over positions [0, length): q [dim] -> out [dim], f32.
 * `layer` is the base of the layer's pages, `pages` the sequence's page numbers (i32). `scores` holds
 * length floats rounded up to 16; `scratch` (dim / 4 + 1) vectors a tile; `folds` as in rmsnorm, ends unused.
 */
export function attention(
  q: usize,
  dim: i32,
  layer: usize,
  pages: usize,
  kvHead: i32,
  kvHeads: i32,
  length: i32,
  scale: f32,
  out: usize,
  valueBytes: i32,
  scores: usize,
  folds: usize,
  scratch: usize,
): void {
  if (valueBytes == 4) attend<f32>(q, dim, layer, pages, kvHead, kvHeads, length, scale, out, scores, folds, scratch);
  else attend<u16>(q, dim, layer, pages, kvHead, kvHeads, length, scale, out, scores, folds, scratch);
}

/** Two queries against 16 positions: as scores16, with the loads of K shared and twice as many sums under way. */
@inline
function scores16Of2<T>(
  q0: usize,
  q1: usize,
  k: usize,
  width: i32,
  dim: i32,
  scale: v128,
  scores0: usize,
  scores1: usize,
): void {
  const group = <usize>(width << 2) * sizeof<T>();
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const end = q0 + <usize>(dim << 2);
  for (; q0 < end; q0 += 4, q1 += 4, k += 4 * sizeof<T>()) {
    const x = v128.load32_splat(q0);
    const y = v128.load32_splat(q1);
    let k4 = loadFour<T>(k);
    a0 = f32x4.add(a0, f32x4.mul(x, k4));
    b0 = f32x4.add(b0, f32x4.mul(y, k4));
    k4 = loadFour<T>(k + group);
    a1 = f32x4.add(a1, f32x4.mul(x, k4));
    b1 = f32x4.add(b1, f32x4.mul(y, k4));
    k4 = loadFour<T>(k + 2 * group);
    a2 = f32x4.add(a2, f32x4.mul(x, k4));
    b2 = f32x4.add(b2, f32x4.mul(y, k4));
    k4 = loadFour<T>(k + 3 * group);
    a3 = f32x4.add(a3, f32x4.mul(x, k4));
    b3 = f32x4.add(b3, f32x4.mul(y, k4));
  }
  v128.store(scores0, f32x4.mul(a0, scale));
  v128.store(scores0, f32x4.mul(a1, scale), 16);
  v128.store(scores0, f32x4.mul(a2, scale), 32);
  v128.store(scores0, f32x4.mul(a3, scale), 48);
  v128.store(scores1, f32x4.mul(b0, scale));
  v128.store(scores1, f32x4.mul(b1, scale), 16);
  v128.store(scores1, f32x4.mul(b2, scale), 32);
  v128.store(scores1, f32x4.mul(b3, scale), 48);
}

/**
 * Adds the weighted V of positions [0, length) for two queries, 16 dims from `v`, into 64 bytes at `out0` and `out1`.
 */
@inline
function weightedVOf2<T>(
  layer: usize,
  pages: usize,
  bytes: i32,
  v: usize,
  rowBytes: usize,
  weights0: usize,
  weights1: usize,
  length: i32,
  out0: usize,
  out1: usize,
): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (let p = 0; p < length; ) {
    let row = layer + <usize>load<i32>(pages + <usize>((p / PAGE) << 2)) * <usize>bytes + v;
    const end = min(length, p + PAGE);
    for (; p < end; p++, row += rowBytes) {
      const x = v128.load32_splat(weights0 + <usize>(p << 2));
      const y = v128.load32_splat(weights1 + <usize>(p << 2));
      let v4 = loadFour<T>(row);
      a0 = f32x4.add(a0, f32x4.mul(x, v4));
      b0 = f32x4.add(b0, f32x4.mul(y, v4));
      v4 = loadFour<T>(row + 4 * sizeof<T>());
      a1 = f32x4.add(a1, f32x4.mul(x, v4));
      b1 = f32x4.add(b1, f32x4.mul(y, v4));
      v4 = loadFour<T>(row + 8 * sizeof<T>());
      a2 = f32x4.add(a2, f32x4.mul(x, v4));
      b2 = f32x4.add(b2, f32x4.mul(y, v4));
      v4 = loadFour<T>(row + 12 * sizeof<T>());
      a3 = f32x4.add(a3, f32x4.mul(x, v4));
      b3 = f32x4.add(b3, f32x4.mul(y, v4));
    }
  }
  v128.store(out0, a0);
  v128.store(out0, a1, 16);
  v128.store(out0, a2, 32);
  v128.store(out0, a3, 48);
  v128.store(out1, b0);
  v128.store(out1, b1, 16);
  v128.store(out1, b2, 32);
  v128.store(out1, b3, 48);
}

/** out [16] += weights[p] * V[p] for positions [from, length), then divided by `sum`. */
@inline
function finish16<T>(
  layer: usize,
  pages: usize,
  bytes: i32,
  v: usize,
  rowBytes: usize,
  weights: usize,
  from: i32,
  length: i32,
  sum: f32,
  out: usize,
): void {
  const divisor = f32x4.splat(sum);
  for (let i: usize = 0; i < 64; i += 16) {
    let o = v128.load(out + i);
    for (let p = from; p < length; p++) {
      const page = layer + <usize>load<i32>(pages + <usize>((p / PAGE) << 2)) * <usize>bytes;
      const row = page + v + <usize>(p & (PAGE - 1)) * rowBytes + (i >> 2) * sizeof<T>();
      o = f32x4.add(o, f32x4.mul(v128.load32_splat(weights + <usize>(p << 2)), loadFour<T>(row)));
    }
    v128.store(out + i, f32x4.div(o, divisor));
  }
}

function attendTwo<T>(
  q0: usize,
  q1: usize,
  dim: i32,
  layer: usize,
  pages: usize,
  kvHead: i32,
  kvHeads: i32,
  length0: i32,
  length1: i32,
  scale: f32,
  out0: usize,
  out1: usize,
  scores0: usize,
  scores1: usize,
): void {
  const bytes = pageBytes(kvHeads, dim, sizeof<T>());
  const head = <usize>(PAGE * dim) * sizeof<T>();
  const scales = f32x4.splat(scale);
  const longer = max(length0, length1);
  for (let p = 0; p < longer; p += 16) {
    const page = layer + <usize>load<i32>(pages + <usize>((p / PAGE) << 2)) * <usize>bytes;
    const k = page + <usize>kvHead * head + <usize>((p & (PAGE - 1)) * dim) * sizeof<T>();
    scores16Of2<T>(q0, q1, k, dim, dim, scales, scores0 + <usize>(p << 2), scores1 + <usize>(p << 2));
  }
  softmaxWeights(scores0, length0);
  softmaxWeights(scores1, length1);
  const both = min(length0, length1);
  let sum0: f32 = 0;
  let sum1: f32 = 0;
  for (let p = 0; p < both; p++) {
    sum0 += load<f32>(scores0 + <usize>(p << 2));
    sum1 += load<f32>(scores1 + <usize>(p << 2));
  }
  for (let p = both; p < length0; p++) sum0 += load<f32>(scores0 + <usize>(p << 2));
  for (let p = both; p < length1; p++) sum1 += load<f32>(scores1 + <usize>(p << 2));
  const rowBytes = <usize>dim * sizeof<T>();
  let v = <usize>(kvHeads + kvHead) * head;
  for (let d = 0; d < dim; d += 16, v += 16 * sizeof<T>(), out0 += 64, out1 += 64) {
    weightedVOf2<T>(layer, pages, bytes, v, rowBytes, scores0, scores1, both, out0, out1);
    finish16<T>(layer, pages, bytes, v, rowBytes, scores0, both, length0, sum0, out0);
    finish16<T>(layer, pages, bytes, v, rowBytes, scores1, both, length1, sum1, out1);
  }
}

/**
 * attention for two queries of the same sequence and KV head in one tile, with the same bits as one after the other;
 * dim is a multiple of 16. `scores0` and `scores1` each hold the longer length rounded up to 16.
 */
export function attentionOfTwo(
  q0: usize,
  q1: usize,
  dim: i32,
  layer: usize,
  pages: usize,
  kvHead: i32,
  kvHeads: i32,
  length0: i32,
  length1: i32,
  scale: f32,
  out0: usize,
  out1: usize,
  valueBytes: i32,
  scores0: usize,
  scores1: usize,
): void {
  if (valueBytes == 4) {
    attendTwo<f32>(q0, q1, dim, layer, pages, kvHead, kvHeads, length0, length1, scale, out0, out1, scores0, scores1);
  } else {
    attendTwo<u16>(q0, q1, dim, layer, pages, kvHead, kvHeads, length0, length1, scale, out0, out1, scores0, scores1);
  }
}
