/**
 * Queries over a KV cache of int16, in whole products of pairs: a query of int16 up to QUERY_MOST against the keys, then
 * weights of int16 against the values. Sums of 64 dims, and of the positions of a page, are exact, so they have no order;
 * what they meet in, and the running top (see wasm.ts), is f32: dims by 64, pages as they come.
 *
 * Weights times the values' scales become int16 relative to the largest of their page; the sum of weights, which divides
 * the result, is that of the weights themselves, every fourth position into one of four sums.
 */
import { sumLanes } from '../common/wasm';
import { fourScales, headBytes, int16At, MOST, PAGE, padded, pageBytes, toInt16, valuesAt } from '../kv/wasm';
import { adjustScores, firstSeen, hasValuesInKeys, scaleAt, seenEnd, sinkOf } from './facts.wasm';
import { begin, finish, LEAST_EXPONENT, raiseTop, weigh } from './weights.wasm';

const QUERY_MOST: i32 = MOST >> 1;
/** Dims whose products add up within int32. */
const CHUNK: i32 = 64;
/** Positions whose weights are made at once: every step of that waits for the one before, so more of them are quicker. */
const BLOCK: i32 = 4 * PAGE;

/** Scratch of a query at work: scores of a block, which become weights, and weights of int16; then those of a second one. */
const SCORES: usize = 4 * BLOCK;
const NARROW: usize = 2 * BLOCK;
const PAIR: usize = 2 * (SCORES + NARROW);
// Scratch of every query: [top, scale, position][first position, end][sums of weights [4]][sums of values][int16 query].
const QUERY_SCALE = 4;
const QUERY_POSITION = 8;
const QUERY_FIRST = 16;
const QUERY_END = 20;
const QUERY_SUMS: usize = 32;

@inline
function queryBytes(dim: i32, valueDim: i32): usize {
  return <usize>((48 + (padded(valueDim) << 2) + (padded(dim) << 1) + 15) & ~15);
}

@inline
function narrowOf(query: usize, valueDim: i32): usize {
  return query + 48 + <usize>(padded(valueDim) << 2);
}

/**
 * softmax(q K^T * scale) V for several queries of one sequence and KV head, in one tile, with the same bits as one after
 * the other. Query i lies at q + i * qStep, stands at the position (i32) at positions + i * positionStep as head
 * `head` + i * headStep, attends up to it or, where `length` is not 0, over that many positions, and leaves its result at out + i * outStep; `facts` as in attention. `scratch` holds 1536 bytes and, a
 * query, 48 bytes, the sums of values and an int16 per dim, in whole vectors.
 */
export function attentionOfInt16(
  q: usize,
  qStep: i32,
  positions: usize,
  positionStep: i32,
  length: i32,
  out: usize,
  outStep: i32,
  queries: i32,
  dim: i32,
  valueDim: i32,
  layer: usize,
  pages: usize,
  kvHead: i32,
  kvHeads: i32,
  scale: f32,
  facts: usize,
  head: i32,
  headStep: i32,
  scratch: usize,
): void {
  const isInKeys = hasValuesInKeys(facts);
  const storedValues = isInKeys ? 0 : valueDim;
  const vectors = padded(valueDim) >> 2;
  const bytes = <usize>pageBytes(kvHeads, dim, storedValues, 2);
  const keys = <usize>(kvHead * headBytes(dim, storedValues, 2));
  const own = queryBytes(dim, valueDim);
  const first = scratch + PAIR;
  let from = i32.MAX_VALUE;
  let last = 0;
  for (let i = 0, query = first; i < queries; i++, query += own) {
    const position = load<i32>(positions + <usize>(i * positionStep));
    begin(query, query + QUERY_SUMS, vectors + 1);
    let seen = 0;
    const end = length == 0 ? position + 1 : seenEnd(facts, position, length);
    let scaled = scale;
    if (facts != 0) {
      if (sinkOf(facts, head + i * headStep, scratch)) {
        weigh(scratch, 1, query, query + QUERY_SUMS, vectors + 1);
        store<f32>(query + QUERY_SUMS, load<f32>(scratch));
      }
      seen = firstSeen(facts, position);
      scaled = scale * scaleAt(facts, position);
    }
    const narrowed = toInt16(q + <usize>(i * qStep), dim, <f32>QUERY_MOST, narrowOf(query, valueDim), 2, 4);
    store<f32>(query, scaled * narrowed, QUERY_SCALE);
    store<i32>(query, seen, QUERY_FIRST);
    store<i32>(query, end, QUERY_END);
    store<i32>(query, position, QUERY_POSITION);
    from = min(from, seen);
    last = max(last, end - 1);
  }
  for (let start = from & ~(BLOCK - 1); start <= last; start += BLOCK) {
    const numbers = pages + <usize>((start / PAGE) << 2);
    let query = first;
    for (let i = 0; i < queries; ) {
      const at = head + i * headStep;
      if (!isSeen(query, start)) {
        i++;
        query += own;
      } else if (i + 1 < queries && isSeen(query + own, start)) {
        onBlock(2, query, query + own, layer + keys, numbers, bytes, start, dim, valueDim, facts, at, headStep, scratch);
        i += 2;
        query += 2 * own;
      } else {
        onBlock(1, query, query, layer + keys, numbers, bytes, start, dim, valueDim, facts, at, headStep, scratch);
        i++;
        query += own;
      }
    }
  }
  for (let i = 0, query = first; i < queries; i++, query += own) {
    const sums = query + QUERY_SUMS;
    finish(sums, sumLanes(v128.load(sums)), valueDim, out + <usize>(i * outStep));
  }
}

/** The first position in the block that begins at `start` whose page has one that a query sees. */
@inline
function fromOf(query: usize, start: i32): i32 {
  return max(0, (load<i32>(query, QUERY_FIRST) & ~(PAGE - 1)) - start);
}

/** How many positions of the block come before the first that it no longer sees. */
@inline
function countOf(query: usize, start: i32): i32 {
  return min(BLOCK, load<i32>(query, QUERY_END) - start);
}

@inline
function isSeen(query: usize, start: i32): bool {
  return fromOf(query, start) < countOf(query, start);
}

/** One or two queries over a block, whose pages have the numbers at `numbers`. */
@inline
function onBlock(
  queries: i32,
  query: usize,
  other: usize,
  keys: usize,
  numbers: usize,
  bytes: usize,
  start: i32,
  dim: i32,
  valueDim: i32,
  facts: usize,
  head: i32,
  headStep: i32,
  scratch: usize,
): void {
  const from = min(fromOf(query, start), fromOf(other, start));
  const count = max(countOf(query, start), countOf(other, start));
  const narrow = scratch + 2 * SCORES;
  const width = padded(dim);
  const vectors = padded(valueDim) >> 2;
  const x = narrowOf(query, valueDim);
  const y = narrowOf(other, valueDim);
  const scale = load<f32>(query, QUERY_SCALE);
  const otherScale = load<f32>(other, QUERY_SCALE);
  for (let p = from; p < count; p += 16) {
    const page = pageAt(keys, numbers, bytes, p);
    const scales = page + <usize>((p & (PAGE - 1)) << 1);
    const k = int16At(page) + <usize>(((p & (PAGE - 1)) * width) << 1);
    const scores = scratch + <usize>(p << 2);
    if (queries == 1) scoresOf1(x, k, width, scales, scale, scores);
    else scoresOf2(x, y, k, width, scales, scale, otherScale, scores);
  }
  const isInKeys = hasValuesInKeys(facts);
  const values = isInKeys ? keys : keys + valuesAt(dim, 2);
  const step = weighBlock(query, values, numbers, bytes, scratch, narrow, start, vectors, facts, head);
  let otherStep = step;
  if (queries == 2) {
    const scores = scratch + SCORES;
    otherStep = weighBlock(other, values, numbers, bytes, scores, narrow + NARROW, start, vectors, facts, head + headStep);
  }
  const sums = query + QUERY_SUMS + 16;
  const otherSums = other + QUERY_SUMS + 16;
  for (let p = from; p < count; p += PAGE) {
    const v = int16At(pageAt(values, numbers, bytes, p));
    const w = narrow + <usize>(p << 1);
    const some = min(PAGE, count - p);
    if (isInKeys) addKeys(queries, w, w + NARROW, some, v, width, vectors, sums, otherSums, step, otherStep);
    else if (queries == 1) addValuesOf1(w, some, v, vectors, sums, step);
    else addValuesOf2(w, some, v, vectors, sums, otherSums, step, otherStep);
  }
}

/** A part of the page with position p of a block. */
@inline
function pageAt(part: usize, numbers: usize, bytes: usize, p: i32): usize {
  return part + <usize>load<i32>(numbers + <usize>((p / PAGE) << 2)) * bytes;
}

/** Scores of 16 positions from `k`, of one query or of two; those of the second are SCORES behind. */
@inline
function scores16(
  queries: i32,
  x: usize,
  y: usize,
  k: usize,
  width: i32,
  scales: usize,
  scale: f32,
  otherScale: f32,
  scores: usize,
): void {
  for (let d = 0; d < width; d += CHUNK) {
    let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    const end = x + <usize>(min(CHUNK, width - d) << 1);
    for (; x < end; x += 4, y += 4, k += 64) {
      const s = v128.load32_splat(x);
      let k4 = v128.load(k);
      if (queries == 1) {
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(k4, s));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load(k, 16), s));
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v128.load(k, 32), s));
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v128.load(k, 48), s));
      } else {
        const t = v128.load32_splat(y);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(k4, s));
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(k4, t));
        k4 = v128.load(k, 16);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(k4, s));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(k4, t));
        k4 = v128.load(k, 32);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(k4, s));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(k4, t));
        k4 = v128.load(k, 48);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(k4, s));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(k4, t));
      }
    }
    const isLast = d + CHUNK >= width;
    storeFour(scores, a0, a1, a2, a3, d > 0, isLast, scales, scale);
    if (queries == 2) storeFour(scores + SCORES, b0, b1, b2, b3, d > 0, isLast, scales, otherScale);
  }
}

// Functions of their own, so that each has all registers.
function scoresOf1(x: usize, k: usize, width: i32, scales: usize, scale: f32, scores: usize): void {
  scores16(1, x, x, k, width, scales, scale, scale, scores);
}

function scoresOf2(
  x: usize,
  y: usize,
  k: usize,
  width: i32,
  scales: usize,
  scale: f32,
  otherScale: f32,
  scores: usize,
): void {
  scores16(2, x, y, k, width, scales, scale, otherScale, scores);
}

@inline
function storeFour(
  scores: usize,
  a0: v128,
  a1: v128,
  a2: v128,
  a3: v128,
  isMore: bool,
  isLast: bool,
  scales: usize,
  scale: f32,
): void {
  const splat = f32x4.splat(scale);
  storeScores(scores, a0, isMore, isLast, scales, splat);
  storeScores(scores + 16, a1, isMore, isLast, scales + 8, splat);
  storeScores(scores + 32, a2, isMore, isLast, scales + 16, splat);
  storeScores(scores + 48, a3, isMore, isLast, scales + 24, splat);
}

@inline
function storeScores(to: usize, sum: v128, isMore: bool, isLast: bool, scales: usize, scale: v128): void {
  let floats = f32x4.convert_i32x4_s(sum);
  if (isMore) floats = f32x4.add(v128.load(to), floats);
  if (isLast) floats = f32x4.mul(floats, f32x4.mul(fourScales(scales, 0), scale));
  v128.store(to, floats);
}

/** Added to a number of small size it leaves the next whole one in the lowest bits. */
const WHOLE: f32 = 12582912;

/**
 * 2^f for f from -0.5 to 0.5, relative error below 2e-7: the polynomial of Cephes' exp2f (Moshier, public domain).
 */
@inline
function exp2Fraction(f: v128): v128 {
  let p = f32x4.splat(1.535336188319500e-4);
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.339887440266574e-3));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(9.618437357674640e-3));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(5.550332471162809e-2));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(2.402264791363012e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(6.931472028550421e-1));
  return f32x4.add(f32x4.mul(p, f), f32x4.splat(1));
}

/**
 * A query's scores of a block become weights, which are added up, and then weights times the values' scales, in int16 at
 * `narrow`; what was summed is scaled to fit them. Returns what an int16 stands for.
 */
function weighBlock(
  query: usize,
  values: usize,
  numbers: usize,
  bytes: usize,
  scores: usize,
  narrow: usize,
  start: i32,
  vectors: i32,
  facts: usize,
  head: i32,
): f32 {
  const from = fromOf(query, start);
  const end = countOf(query, start);
  const first = scores + <usize>(from << 2);
  if (facts != 0) adjustScores(first, start + from, end - from, facts, head, load<i32>(query, QUERY_POSITION));
  // Up to a whole number of eights, as int16 lie in a vector.
  const after = scores + <usize>(((end + 7) & ~7) << 2);
  for (let p = scores + <usize>(end << 2); p < after; p += 4) store<f32>(p, -Infinity);
  let m = v128.load(first);
  for (let p = first + 16; p < after; p += 16) m = f32x4.pmax(m, v128.load(p));
  const highest = max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
    max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  );
  const top = raiseTop(highest, query, query + QUERY_SUMS, vectors + 1);
  const least = f32x4.add(top, f32x4.splat(LEAST_EXPONENT));
  const whole = f32x4.splat(WHOLE);
  const bias = i32x4.sub(i32x4.splat(127), i32x4.trunc_sat_f32x4_s(top));
  let sum = v128.load(query + QUERY_SUMS);
  let most = i32x4.splat(0);
  for (let p = from; p < end; p += PAGE) {
    const scales = pageAt(values, numbers, bytes, p);
    const weights = scores + <usize>(p << 2);
    const some = min<i32>(PAGE, <i32>(after - weights) >> 2);
    for (let n = 0; n < some; n += 4) {
      const at = weights + <usize>(n << 2);
      const score = f32x4.mul(v128.load(at), f32x4.splat(1.44269504088896341));
      const isOut = f32x4.lt(score, least);
      const bounded = f32x4.pmax(score, least);
      const shifted = f32x4.add(bounded, whole);
      const power = i32x4.shl(i32x4.add(shifted, bias), 23);
      const fraction = f32x4.sub(bounded, f32x4.sub(shifted, whole));
      const weight = v128.andnot(f32x4.mul(exp2Fraction(fraction), power), isOut);
      sum = f32x4.add(sum, weight);
      // Positions that are out take nothing of what their scale is, NaN included: they may be no positions at all.
      const product = v128.andnot(f32x4.mul(weight, fourScales(scales, n)), isOut);
      v128.store(at, product);
      // No product is negative, so their bits are in order, with NaN above all.
      most = i32x4.max_u(most, product);
    }
  }
  v128.store(query + QUERY_SUMS, sum);
  most = i32x4.max_u(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
  most = i32x4.max_u(most, i32x4.shuffle(most, most, 1, 0, 3, 2));
  const step: f32 = f32x4.extract_lane(most, 0) / <f32>MOST;
  const inverse = f32x4.splat(step > <f32>3e-39 ? <f32>1 / step : 0);
  const zero = i32x4.splat(0);
  for (let p: usize = 0; p < NARROW; p += 16) v128.store(narrow + p, zero);
  const wholeBits = i32x4.splat(reinterpret<i32>(WHOLE));
  for (let p = first, to = narrow + <usize>(from << 1); p < after; p += 32, to += 16) {
    const low = i32x4.sub(f32x4.add(f32x4.mul(v128.load(p), inverse), whole), wholeBits);
    const high = i32x4.sub(f32x4.add(f32x4.mul(v128.load(p, 16), inverse), whole), wholeBits);
    v128.store(to, i16x8.narrow_i32x4_s(low, high));
  }
  return step;
}

/** sums [4 * vectors] += step * weights V of a page, for one query or two. */
@inline
function addValues(
  queries: i32,
  narrow: usize,
  otherNarrow: usize,
  count: i32,
  v: usize,
  vectors: i32,
  sums: usize,
  otherSums: usize,
  step: f32,
  otherStep: f32,
): void {
  const end = narrow + <usize>(((count + 1) & ~1) << 1);
  const row = <usize>(vectors << 4);
  let d = 0;
  for (; d + 4 <= vectors; d += 4, v += 64, sums += 64, otherSums += 64) {
    let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (let x = narrow, y = otherNarrow, pair = v; x < end; x += 4, y += 4, pair += row) {
      const s = v128.load32_splat(x);
      let v4 = v128.load(pair);
      if (queries == 1) {
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v4, s));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load(pair, 16), s));
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v128.load(pair, 32), s));
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v128.load(pair, 48), s));
      } else {
        const t = v128.load32_splat(y);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v4, s));
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v4, t));
        v4 = v128.load(pair, 16);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v4, s));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v4, t));
        v4 = v128.load(pair, 32);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v4, s));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(v4, t));
        v4 = v128.load(pair, 48);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v4, s));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(v4, t));
      }
    }
    add4(sums, a0, a1, a2, a3, step);
    if (queries == 2) add4(otherSums, b0, b1, b2, b3, otherStep);
  }
  for (; d < vectors; d++, v += 16, sums += 16, otherSums += 16) {
    let a = i32x4.splat(0), b = a;
    for (let x = narrow, y = otherNarrow, pair = v; x < end; x += 4, y += 4, pair += row) {
      const v4 = v128.load(pair);
      a = i32x4.add(a, i32x4.dot_i16x8_s(v4, v128.load32_splat(x)));
      if (queries == 2) b = i32x4.add(b, i32x4.dot_i16x8_s(v4, v128.load32_splat(y)));
    }
    addScaled(sums, a, step);
    if (queries == 2) addScaled(otherSums, b, otherStep);
  }
}

function addValuesOf1(narrow: usize, count: i32, v: usize, vectors: i32, sums: usize, step: f32): void {
  addValues(1, narrow, narrow, count, v, vectors, sums, sums, step, step);
}

function addValuesOf2(
  narrow: usize,
  count: i32,
  v: usize,
  vectors: i32,
  sums: usize,
  otherSums: usize,
  step: f32,
  otherStep: f32,
): void {
  addValues(2, narrow, narrow + NARROW, count, v, vectors, sums, otherSums, step, otherStep);
}

@inline
function add4(sums: usize, a0: v128, a1: v128, a2: v128, a3: v128, step: f32): void {
  addScaled(sums, a0, step);
  addScaled(sums + 16, a1, step);
  addScaled(sums + 32, a2, step);
  addScaled(sums + 48, a3, step);
}

@inline
function addScaled(sums: usize, whole: v128, step: f32): void {
  v128.store(sums, f32x4.add(v128.load(sums), f32x4.mul(f32x4.convert_i32x4_s(whole), f32x4.splat(step))));
}

/** As addValues where values are the first of the keys at `k`, whose pairs are dims: a shuffle makes them positions. */
@inline
function addKeys(
  queries: i32,
  narrow: usize,
  otherNarrow: usize,
  count: i32,
  k: usize,
  width: i32,
  vectors: i32,
  sums: usize,
  otherSums: usize,
  step: f32,
  otherStep: f32,
): void {
  const fours = (count + 3) >> 2;
  for (let d = 0; d < vectors; d++, k += 128, sums += 16, otherSums += 16) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
    for (let f = 0; f < fours; f++) {
      const four = k + <usize>((((f >> 2) * width) << 5) + ((f & 3) << 4));
      const pair0 = v128.load(four);
      const pair1 = v128.load(four, 64);
      const k0 = i16x8.shuffle(pair0, pair0, 0, 2, 1, 3, 4, 6, 5, 7);
      const k1 = i16x8.shuffle(pair1, pair1, 0, 2, 1, 3, 4, 6, 5, 7);
      const w = v128.load64_splat(narrow + <usize>(f << 3));
      const s = i32x4.shuffle(w, w, 0, 0, 1, 1);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(k0, s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(k1, s));
      if (queries == 2) {
        const u = v128.load64_splat(otherNarrow + <usize>(f << 3));
        const t = i32x4.shuffle(u, u, 0, 0, 1, 1);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(k0, t));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(k1, t));
      }
    }
    addScaled(sums, i32x4.add(i32x4.shuffle(a0, a1, 0, 1, 4, 5), i32x4.shuffle(a0, a1, 2, 3, 6, 7)), step);
    if (queries == 2) {
      addScaled(otherSums, i32x4.add(i32x4.shuffle(b0, b1, 0, 1, 4, 5), i32x4.shuffle(b0, b1, 2, 3, 6, 7)), otherStep);
    }
  }
}
