/**
 * Queries over the KV cache of one sequence, in the layout of kv.
 *
 * Work goes page by page, so that keys, values and weights stay in the L1 cache however long the context is. A weight
 * is e^score / 2^top, where top is the power of two next to e^(largest score so far); where a page has a larger one, what
 * was summed before is divided by a power of two, which is exact above e^-87 of the top. So bits do not depend on where
 * pages end.
 * (After the online softmax of Milakov and Gimelshein 2018, arXiv:1805.02867.)
 *
 * Order of sums: q.k over dims; V over positions within a position tile (position p lies on tile p mod tiles); the
 * softmax sum likewise, on a single tile as four sums of every fourth position, which then meet as (0 + 1) + (2 + 3);
 * tiles in the order of the plan's fold table.
 */
import { foldPartials, sumLanes } from '../common/wasm';
import { headBytes, PAGE, padded, pageBytes, valuesAt, widenHead } from '../kv/wasm';
import { adjustScores, firstSeen, hasValuesInKeys, scaleAt, sinkOf } from './facts.wasm';
import { attentionOfInt16 } from './int16.wasm';
import { addWeights, begin, finish, weigh } from './weights.wasm';

/** Raw q.k of 16 positions from `k` (four groups of four) into `scores`. */
@inline
function scores16(q: usize, k: usize, width: i32, dim: i32, scale: v128, scores: usize): void {
  const group = <usize>(width << 4);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const end = q + <usize>(dim << 2);
  for (; q < end; q += 4, k += 16) {
    const x = v128.load32_splat(q);
    s0 = f32x4.add(s0, f32x4.mul(x, v128.load(k)));
    s1 = f32x4.add(s1, f32x4.mul(x, v128.load(k + group)));
    s2 = f32x4.add(s2, f32x4.mul(x, v128.load(k + 2 * group)));
    s3 = f32x4.add(s3, f32x4.mul(x, v128.load(k + 3 * group)));
  }
  v128.store(scores, f32x4.mul(s0, scale));
  v128.store(scores, f32x4.mul(s1, scale), 16);
  v128.store(scores, f32x4.mul(s2, scale), 32);
  v128.store(scores, f32x4.mul(s3, scale), 48);
}

/** Two queries against 16 positions: as scores16, with the loads of K shared and twice as many sums under way. */
@inline
function scores16Of2(q0: usize, q1: usize, k: usize, dim: i32, scale: v128, scores0: usize, scores1: usize): void {
  const group = <usize>(dim << 4);
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const end = q0 + <usize>(dim << 2);
  for (; q0 < end; q0 += 4, q1 += 4, k += 16) {
    const x = v128.load32_splat(q0);
    const y = v128.load32_splat(q1);
    let k4 = v128.load(k);
    a0 = f32x4.add(a0, f32x4.mul(x, k4));
    b0 = f32x4.add(b0, f32x4.mul(y, k4));
    k4 = v128.load(k + group);
    a1 = f32x4.add(a1, f32x4.mul(x, k4));
    b1 = f32x4.add(b1, f32x4.mul(y, k4));
    k4 = v128.load(k + 2 * group);
    a2 = f32x4.add(a2, f32x4.mul(x, k4));
    b2 = f32x4.add(b2, f32x4.mul(y, k4));
    k4 = v128.load(k + 3 * group);
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

/** out [4 * vectors] += weights[p] * V[p] for p = from, from + step, ... below count; rows of V are `width` long. */
@inline
function addValues(
  weights: usize,
  from: i32,
  step: i32,
  count: i32,
  v: usize,
  width: i32,
  vectors: i32,
  out: usize,
): void {
  const rowBytes = <usize>(width << 2);
  v += <usize>from * rowBytes;
  weights += <usize>(from << 2);
  const weightStep = <usize>(step << 2);
  const rowStep = <usize>step * rowBytes;
  let d = 0;
  for (; d + 4 <= vectors; d += 4, v += 64, out += 64) {
    let o0 = v128.load(out), o1 = v128.load(out, 16), o2 = v128.load(out, 32), o3 = v128.load(out, 48);
    for (let p = from, w = weights, row = v; p < count; p += step, w += weightStep, row += rowStep) {
      const e = v128.load32_splat(w);
      o0 = f32x4.add(o0, f32x4.mul(e, v128.load(row)));
      o1 = f32x4.add(o1, f32x4.mul(e, v128.load(row + 16)));
      o2 = f32x4.add(o2, f32x4.mul(e, v128.load(row + 32)));
      o3 = f32x4.add(o3, f32x4.mul(e, v128.load(row + 48)));
    }
    v128.store(out, o0);
    v128.store(out, o1, 16);
    v128.store(out, o2, 32);
    v128.store(out, o3, 48);
  }
  for (; d < vectors; d++, v += 16, out += 16) {
    let o = v128.load(out);
    for (let p = from, w = weights, row = v; p < count; p += step, w += weightStep, row += rowStep) {
      o = f32x4.add(o, f32x4.mul(v128.load32_splat(w), v128.load(row)));
    }
    v128.store(out, o);
  }
}

/** As addValues where V are the first of the keys at `k`, whose rows are `width` long, four positions by turns. */
function addKeys(
  weights: usize,
  from: i32,
  step: i32,
  count: i32,
  k: usize,
  width: i32,
  vectors: i32,
  out: usize,
): void {
  if (step == 1) {
    for (let d = 0; d < vectors; d++, k += 64, out += 16) {
      let o = v128.load(out);
      let four = k;
      for (let p = 0; p < count; p += 4, four += <usize>(width << 4)) {
        const a = v128.load(four);
        const b = v128.load(four + 16);
        const c = v128.load(four + 32);
        const e = v128.load(four + 48);
        const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
        const ce = i32x4.shuffle(c, e, 0, 4, 1, 5);
        const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7);
        const ceHigh = i32x4.shuffle(c, e, 2, 6, 3, 7);
        const w = weights + <usize>(p << 2);
        o = f32x4.add(o, f32x4.mul(v128.load32_splat(w), i32x4.shuffle(ab, ce, 0, 1, 4, 5)));
        if (p + 1 < count) o = f32x4.add(o, f32x4.mul(v128.load32_splat(w, 4), i32x4.shuffle(ab, ce, 2, 3, 6, 7)));
        if (p + 2 < count) o = f32x4.add(o, f32x4.mul(v128.load32_splat(w, 8), i32x4.shuffle(abHigh, ceHigh, 0, 1, 4, 5)));
        if (p + 3 < count) o = f32x4.add(o, f32x4.mul(v128.load32_splat(w, 12), i32x4.shuffle(abHigh, ceHigh, 2, 3, 6, 7)));
      }
      v128.store(out, o);
    }
    return;
  }
  for (let d = 0; d < vectors << 2; d++, out += 4) {
    let o = load<f32>(out);
    for (let p = from; p < count; p += step) {
      const at = k + <usize>(((((p >> 2) * width + d) << 2) + (p & 3)) << 2);
      o += load<f32>(weights + <usize>(p << 2)) * load<f32>(at);
    }
    store<f32>(out, o);
  }
}

/** As addValues from the first position on for two queries, with the loads of V shared; dim is a multiple of 16. */
@inline
function addValuesOf2(
  weights0: usize,
  weights1: usize,
  count: i32,
  v: usize,
  dim: i32,
  out0: usize,
  out1: usize,
): void {
  const rowBytes = <usize>(dim << 2);
  const end = weights0 + <usize>(count << 2);
  for (let d = 0; d < dim; d += 16, v += 64, out0 += 64, out1 += 64) {
    let a0 = v128.load(out0), a1 = v128.load(out0, 16), a2 = v128.load(out0, 32), a3 = v128.load(out0, 48);
    let b0 = v128.load(out1), b1 = v128.load(out1, 16), b2 = v128.load(out1, 32), b3 = v128.load(out1, 48);
    for (let w0 = weights0, w1 = weights1, row = v; w0 < end; w0 += 4, w1 += 4, row += rowBytes) {
      const x = v128.load32_splat(w0);
      const y = v128.load32_splat(w1);
      let v4 = v128.load(row);
      a0 = f32x4.add(a0, f32x4.mul(x, v4));
      b0 = f32x4.add(b0, f32x4.mul(y, v4));
      v4 = v128.load(row + 16);
      a1 = f32x4.add(a1, f32x4.mul(x, v4));
      b1 = f32x4.add(b1, f32x4.mul(y, v4));
      v4 = v128.load(row + 32);
      a2 = f32x4.add(a2, f32x4.mul(x, v4));
      b2 = f32x4.add(b2, f32x4.mul(y, v4));
      v4 = v128.load(row + 48);
      a3 = f32x4.add(a3, f32x4.mul(x, v4));
      b3 = f32x4.add(b3, f32x4.mul(y, v4));
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
}

/**
 * q against the first `count` positions of the page that begins at `start`: scores become weights, and what was summed is
 * scaled to fit them.
 */
@inline
function scorePage(
  q: usize,
  k: usize,
  start: i32,
  count: i32,
  dim: i32,
  scale: v128,
  facts: usize,
  head: i32,
  position: i32,
  scores: usize,
  top: usize,
  vectors: i32,
): void {
  const width = padded(dim);
  for (let p = 0; p < count; p += 16) {
    scores16(q, k + <usize>((p * width) << 2), width, dim, scale, scores + <usize>(p << 2));
  }
  if (facts != 0) adjustScores(scores, start, count, facts, head, position);
  weigh(scores, count, top, top + 16, vectors);
}

/** Bytes of the scores of two queries over a page. */
const SCORES_BYTES: usize = 8 * PAGE;

/**
 * softmax(q K^T * scale) V over positions [0, length): q [dim], which stands at `position`, -> out [valueDim], f32.
 * `layer` is the base of the layer's pages, `pages` the sequence's page numbers (i32). `folds` as in rmsnorm, ends
 * unused; `facts` (facts.ts) says what else shapes the scores of `head`, 0 for nothing. `scratch` holds 272 bytes and
 * (valueDim / 4 + 1) vectors a tile, and begins with the weights of the last page; over int16, a page of one head as f32
 * more, and what attentionOfInt16 needs, which it is on one tile.
 */
export function attention(
  q: usize,
  dim: i32,
  valueDim: i32,
  layer: usize,
  pages: usize,
  kvHead: i32,
  kvHeads: i32,
  length: i32,
  position: i32,
  scale: f32,
  out: usize,
  valueBytes: i32,
  folds: usize,
  facts: usize,
  head: i32,
  scratch: usize,
): void {
  if (valueBytes == 2 && folds == 0) {
    store<i32>(scratch, position);
    attentionOfInt16(
      q, 0, scratch, 0, length, out, 0, 1, dim, valueDim, layer, pages, kvHead, kvHeads, scale, facts, head, 0, scratch,
    );
    return;
  }
  const width = padded(valueDim);
  const vectors = width >> 2;
  const isInKeys = hasValuesInKeys(facts);
  const storedValues = isInKeys ? 0 : valueDim;
  const bytes = pageBytes(kvHeads, dim, storedValues, valueBytes);
  const keys = <usize>(kvHead * headBytes(dim, storedValues, valueBytes));
  const values = valuesAt(dim, 4);
  const scales = f32x4.splat(facts == 0 ? scale : scale * scaleAt(facts, position));
  const tiles = folds == 0 ? 1 : load<i32>(folds);
  const top = scratch + SCORES_BYTES;
  // A tile's sums: [sum of weights, 0, 0, 0] then the weighted V.
  const partials = top + 16;
  const partialBytes = <usize>((vectors + 1) << 4);
  const wide = partials + <usize>tiles * partialBytes;
  begin(top, partials, tiles * (vectors + 1));
  let start = 0;
  if (facts != 0) {
    if (sinkOf(facts, head, scratch)) {
      weigh(scratch, 1, top, partials, tiles * (vectors + 1));
      store<f32>(partials, load<f32>(scratch));
    }
    start = firstSeen(facts, position) & ~(PAGE - 1);
    pages += <usize>((start / PAGE) << 2);
  }
  for (; start < length; start += PAGE, pages += 4) {
    let k = layer + <usize>load<i32>(pages) * <usize>bytes + keys;
    if (valueBytes == 2) {
      widenHead(k, dim, storedValues, wide);
      k = wide;
    }
    const v = k + values;
    const count = min(PAGE, length - start);
    scorePage(q, k, start, count, dim, scales, facts, head, position, scratch, top, tiles * (vectors + 1));
    if (tiles == 1) {
      addWeights(scratch, count, partials);
      if (isInKeys) addKeys(scratch, 0, 1, count, k, padded(dim), vectors, partials + 16);
      else addValues(scratch, 0, 1, count, v, width, vectors, partials + 16);
      continue;
    }
    for (let first = 0; first < min(count, tiles); first++) {
      const partial = partials + <usize>((start + first) % tiles) * partialBytes;
      let sum = load<f32>(partial);
      for (let p = first; p < count; p += tiles) sum += load<f32>(scratch + <usize>(p << 2));
      store<f32>(partial, sum);
      if (isInKeys) addKeys(scratch, first, tiles, count, k, padded(dim), vectors, partial + 16);
      else addValues(scratch, first, tiles, count, v, width, vectors, partial + 16);
    }
  }
  if (tiles == 1) {
    finish(partials, sumLanes(v128.load(partials)), valueDim, out);
  } else {
    const total = foldPartials(folds, partials, vectors + 1);
    finish(total, load<f32>(total), valueDim, out);
  }
}

/** One query of a run over one page: the largest score so far at `top`, behind it the sums. */
@inline
function onePage(q: usize, k: usize, v: usize, count: i32, dim: i32, scale: v128, scores: usize, top: usize): void {
  const vectors = dim >> 2;
  scorePage(q, k, 0, count, dim, scale, 0, 0, 0, scores, top, vectors + 1);
  addWeights(scores, count, top + 16);
  addValues(scores, 0, 1, count, v, dim, vectors, top + 32);
}

/** The queries of a run over the page that begins at position `start`, two at a time; arguments as in attentionOfRun. */
function runPage(
  q: usize,
  qStep: i32,
  positions: usize,
  positionStep: i32,
  queries: i32,
  k: usize,
  v: usize,
  start: i32,
  dim: i32,
  scale: v128,
  scores: usize,
  top: usize,
): void {
  const topStep = <usize>(8 + dim) << 2;
  const scores1 = scores + (PAGE << 2);
  for (let i = 0; i < queries; i += 2) {
    const count0 = min(PAGE, load<i32>(positions) + 1 - start);
    positions += positionStep;
    const count1 = i + 1 < queries ? min(PAGE, load<i32>(positions) + 1 - start) : 0;
    positions += positionStep;
    const q1 = q + qStep;
    const top1 = top + topStep;
    if (count0 > 0 && count1 > 0) {
      for (let p = 0; p < max(count0, count1); p += 16) {
        const at = <usize>(p << 2);
        scores16Of2(q, q1, k + <usize>((p * dim) << 2), dim, scale, scores + at, scores1 + at);
      }
      weigh(scores, count0, top, top + 16, (dim >> 2) + 1);
      weigh(scores1, count1, top1, top1 + 16, (dim >> 2) + 1);
      addWeights(scores, count0, top + 16);
      addWeights(scores1, count1, top1 + 16);
      const both = min(count0, count1);
      addValuesOf2(scores, scores1, both, v, dim, top + 32, top1 + 32);
      if (both < count0) addValues(scores, both, 1, count0, v, dim, dim >> 2, top + 32);
      if (both < count1) addValues(scores1, both, 1, count1, v, dim, dim >> 2, top1 + 32);
    } else if (count0 > 0) {
      onePage(q, k, v, count0, dim, scale, scores, top);
    } else if (count1 > 0) {
      onePage(q1, k, v, count1, dim, scale, scores, top1);
    }
    q = q1 + qStep;
    top = top1 + topStep;
  }
}

/**
 * attention over f32 for several queries of one sequence and KV head in one tile, with the same bits as one after the
 * other; dim is a multiple of 16. Query i lies at q + i * qStep, attends up to the position (i32) at
 * positions + i * positionStep, and leaves its result at out + i * outStep. `scratch` holds 256 bytes and dim + 8 floats
 * a query.
 */
export function attentionOfRun(
  q: usize,
  qStep: i32,
  positions: usize,
  positionStep: i32,
  out: usize,
  outStep: i32,
  queries: i32,
  dim: i32,
  layer: usize,
  pages: usize,
  kvHead: i32,
  kvHeads: i32,
  scale: f32,
  scratch: usize,
): void {
  const bytes = pageBytes(kvHeads, dim, dim, 4);
  const keys = <usize>(kvHead * headBytes(dim, dim, 4));
  const scales = f32x4.splat(scale);
  const tops = scratch + SCORES_BYTES;
  const topStep = <usize>(8 + dim) << 2;
  let last = 0;
  for (let i = 0; i < queries; i++) {
    last = max(last, load<i32>(positions + <usize>(i * positionStep)));
    begin(tops + <usize>i * topStep, tops + <usize>i * topStep + 16, (dim >> 2) + 1);
  }
  for (let start = 0; start <= last; start += PAGE, pages += 4) {
    const k = layer + <usize>load<i32>(pages) * <usize>bytes + keys;
    const v = k + valuesAt(dim, 4);
    runPage(q, qStep, positions, positionStep, queries, k, v, start, dim, scales, scratch, tops);
  }
  for (let i = 0; i < queries; i++) {
    const sums = tops + <usize>i * topStep + 16;
    finish(sums, sumLanes(v128.load(sums)), dim, out + <usize>(i * outStep));
  }
}
