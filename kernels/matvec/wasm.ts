/**
 * y = W x for one x: the decode path. W is packed in groups of eight rows (see quants): lane = row, so the sum over
 * columns needs no horizontal adds and the weights are one stream. Every sum runs in column order within a tile, column
 * by column for floats, span by span for block types; tiles meet in the order of the plan's fold table.
 *
 * Rows are [groupFrom * 8, groupTo * 8); y is written in whole groups, so its buffer is a multiple of 8 long.
 * `folds` is 0 for one tile, else a fold table (common) with ends in blocks; `scratch` then holds 32 bytes a tile.
 */
import { foldPartials } from '../common/wasm';
import { narrowOf, scalesOf, sumsOf } from '../quantize/wasm';
import { PLAIN, RELAXED } from '../quants/variants';
import {
  ADD, eightBytes, formOf, groupBytesOf, hasMins, hasScales, headBytes, highCodes, highStep, lowCodes, nextPlane,
  packedBytes, planeBytes, Quant, relaxedAdd, relaxedPairs, scaledHigh, scaledLow, spanBytes, spanHeadBytes, storedOffset,
} from '../quants/wasm';

/** `x` is a quantised vector for block types (see quantize), f32 [columns] for floats. */
export function matvecOf<Q extends Quant>(
  q: Q,
  w: usize,
  groupFrom: i32,
  groupTo: i32,
  columns: i32,
  x: usize,
  y: usize,
  folds: usize,
  scratch: usize,
): void {
  const bytes = groupBytesOf<Q>(q, columns);
  w += <usize>groupFrom * <usize>bytes;
  y += <usize>(groupFrom << 5);
  if (isDefined(q.span)) {
    if (folds == 0 && hasStreams<Q>(q)) {
      const half = (groupTo - groupFrom) >> 1;
      for (let g = 0; g < half; g++, w += bytes, y += 32) {
        twoGroups<Q>(q, w, w + <usize>half * <usize>bytes, columns, x, y, y + <usize>(half << 5));
      }
      groupFrom += 2 * half;
      w += <usize>half * <usize>bytes;
      y += <usize>(half << 5);
    }
  }
  for (let g = groupFrom; g < groupTo; g++, w += bytes, y += 32) {
    if (folds == 0) {
      tile<Q>(q, w, columns, 0, columns / q.block(), x, y);
    } else {
      const tiles = load<i32>(folds);
      let from = 0;
      for (let t = 0; t < tiles; t++) {
        const to = load<i32>(folds + <usize>((t + 1) << 2));
        tile<Q>(q, w, columns, from, to, x, scratch + <usize>(t << 5));
        from = to;
      }
      const sum = foldPartials(folds, scratch, 2);
      v128.store(y, v128.load(sum));
      v128.store(y, v128.load(sum, 16), 16);
    }
  }
}

/** Whether two groups at once pay: where products are cheap enough to wait for memory. */
@inline
function hasStreams<Q extends Quant>(q: Q): bool {
  return formOf<Q>(q) == ADD || isBytes<Q>(q) || isRelaxedNibbles<Q>(q);
}

/** Plain products of bytes, which lie so that loads widen them. */
@inline
function isBytes<Q extends Quant>(q: Q): bool {
  return formOf<Q>(q) == PLAIN && q.bits() == 8;
}

/** Plain products of nibbles, which stay where they are. */
@inline
function isPlainNibbles<Q extends Quant>(q: Q): bool {
  return formOf<Q>(q) == PLAIN && q.bits() == 4 && !isDefined(q.table);
}

/** Relaxed products of nibbles, which add up in int16: at most 2 * 15 * 127, eight times in 32 columns, is 30480. */
@inline
function isRelaxedNibbles<Q extends Quant>(q: Q): bool {
  return formOf<Q>(q) == RELAXED && q.most() < 16;
}

/** The part of a quantised vector that the products take, at a column. */
@inline
export function operandOf<Q extends Quant>(q: Q, x: usize, columns: i32, column: i32): usize {
  return formOf<Q>(q) == PLAIN ? x + <usize>(column << 1) : narrowOf(x, columns) + column;
}

/** What a span's sum begins with: what its codes are too large by, taken off. */
@inline
export function startOf<Q extends Quant>(q: Q, sums: usize): v128 {
  const offset = storedOffset<Q>(q);
  return offset == 0 ? i32x4.splat(0) : i32x4.splat(spanSum<Q>(q, sums) * -offset);
}

/** The sum of a span's activations. */
@inline
export function spanSum<Q extends Quant>(q: Q, sums: usize): i32 {
  return q.span() == 16 ? load<i32>(sums) : load<i32>(sums) + load<i32>(sums, 4);
}

/** `acc` plus four codes a row times the low (0) or high (1) half of eight activations at `x`. */
@inline
function dot<Q extends Quant>(q: Q, acc: v128, codes: v128, x: usize, high: usize): v128 {
  if (formOf<Q>(q) == ADD) {
    return relaxedAdd(v128.load32_splat(x + high * 4), codes, acc);
  }
  if (formOf<Q>(q) == RELAXED) {
    const pairs = relaxedPairs(v128.load32_splat(x + high * 4), codes);
    return i32x4.add(acc, i32x4.extadd_pairwise_i16x8_s(pairs));
  }
  // [c0 c4 c1 c5]: the even bytes are columns 0 and 1, the odd ones 4 and 5.
  acc = i32x4.add(acc, i32x4.dot_i16x8_s(v128.and(codes, i16x8.splat(255)), v128.load32_splat(x + high * 4)));
  return i32x4.add(acc, i32x4.dot_i16x8_s(i16x8.shr_u(codes, 8), v128.load32_splat(x + high * 4, 8)));
}

/** Eight rows of one tile, blocks [from, to), into 32 bytes at `y`. */
@inline
function tile<Q extends Quant>(q: Q, w: usize, columns: i32, from: i32, to: i32, x: usize, y: usize): void {
  if (isDefined(q.span)) tileOfBlocks<Q>(q, w, columns, from, to, x, y);
  else tileOfFloats<Q>(q, w, from, to, x, y);
}

function tileOfFloats<Q extends Quant>(q: Q, w: usize, from: i32, to: i32, x: usize, y: usize): void {
  let f0 = f32x4.splat(0);
  let f1 = f32x4.splat(0);
  const end = x + <usize>(to << 2);
  w += <usize>from * packedBytes<Q>(q);
  for (x += <usize>(from << 2); x < end; x += 4, w += packedBytes<Q>(q)) {
    const s = v128.load32_splat(x);
    f0 = f32x4.add(f0, f32x4.mul(q.four(w), s));
    f1 = f32x4.add(f1, f32x4.mul(q.four(w + 4 * q.bytes()), s));
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
}

function tileOfBlocks<Q extends Quant>(q: Q, w: usize, columns: i32, from: i32, to: i32, x: usize, y: usize): void {
  let f0 = f32x4.splat(0);
  let f1 = f32x4.splat(0);
  const end = w + <usize>to * packedBytes<Q>(q);
  w += <usize>from * packedBytes<Q>(q);
  const spans = q.block() / q.span();
  let scales = scalesOf(x, columns) + <usize>(from * q.block() >> 3);
  let sums = sumsOf(x, columns) + <usize>(from * q.block() >> 2);
  x = operandOf<Q>(q, x, columns, from * q.block());
  const step: usize = formOf<Q>(q) == PLAIN ? 16 : 8;
  while (w < end) {
    const d0 = v128.load(w);
    const d1 = v128.load(w, 16);
    const m0 = hasMins<Q>(q) ? v128.load(w, 32) : d0;
    const m1 = hasMins<Q>(q) ? v128.load(w, 48) : d0;
    w += headBytes<Q>(q);
    let s = 0;
    do {
      let p = w + spanHeadBytes<Q>(q);
      let a0 = startOf<Q>(q, sums);
      let a1 = a0;
      const xEnd = x + <usize>(q.span() >> 3) * step;
      if (isBytes<Q>(q)) {
        // Adjacent halves do the same thing, so that an engine with 256-bit vectors can pair them.
        for (; x < xEnd; x += 16, p += 64) {
          const x0 = v128.load32_splat(x, 0);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 0), x0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 8), x0));
          const x1 = v128.load32_splat(x, 4);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 16), x1));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 24), x1));
          const x2 = v128.load32_splat(x, 8);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 32), x2));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 40), x2));
          const x3 = v128.load32_splat(x, 12);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 48), x3));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 56), x3));
        }
      } else if (isPlainNibbles<Q>(q)) {
        // Nibbles stay where they are in their 16-bit lane: their power of 16 comes out of the exact sum at the end.
        let b0 = i32x4.splat(0);
        let b1 = b0;
        let c0 = b0;
        let c1 = b0;
        for (; x < xEnd; x += 16, p += 32) {
          const w0 = v128.load(p);
          const w1 = v128.load(p, 16);
          const x0 = v128.load32_splat(x);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.and(w0, i16x8.splat(0x000f)), x0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.and(w1, i16x8.splat(0x000f)), x0));
          const x1 = v128.load32_splat(x, 4);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.and(w0, i16x8.splat(0x00f0)), x1));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.and(w1, i16x8.splat(0x00f0)), x1));
          const x2 = v128.load32_splat(x, 8);
          c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v128.and(w0, i16x8.splat(0x0f00)), x2));
          c1 = i32x4.add(c1, i32x4.dot_i16x8_s(v128.and(w1, i16x8.splat(0x0f00)), x2));
          const x3 = v128.load32_splat(x, 12);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(i16x8.shr_u(w0, 12), x3));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(i16x8.shr_u(w1, 12), x3));
        }
        a0 = i32x4.add(a0, i32x4.add(i32x4.shr_s(b0, 4), i32x4.shr_s(c0, 8)));
        a1 = i32x4.add(a1, i32x4.add(i32x4.shr_s(b1, 4), i32x4.shr_s(c1, 8)));
      } else if (isRelaxedNibbles<Q>(q)) {
        let h0 = i16x8.splat(0);
        let h1 = h0;
        let plane0 = q.bits() == 4 ? h0 : v128.load(p);
        let plane1 = q.bits() == 4 ? h0 : v128.load(p, 16);
        p += planeBytes<Q>(q);
        for (; x < xEnd; x += 8, p += eightBytes<Q>(q)) {
          const w0 = v128.load(p);
          const w1 = v128.load(p, 16);
          const xLow = v128.load32_splat(x);
          const xHigh = v128.load32_splat(x, 4);
          h0 = i16x8.add(h0, relaxedPairs(xLow, lowCodes<Q>(q, w0, plane0)));
          h1 = i16x8.add(h1, relaxedPairs(xLow, lowCodes<Q>(q, w1, plane1)));
          h0 = i16x8.add(h0, relaxedPairs(xHigh, highCodes<Q>(q, w0, plane0)));
          h1 = i16x8.add(h1, relaxedPairs(xHigh, highCodes<Q>(q, w1, plane1)));
          plane0 = nextPlane<Q>(q, plane0);
          plane1 = nextPlane<Q>(q, plane1);
        }
        a0 = i32x4.add(a0, i32x4.extadd_pairwise_i16x8_s(h0));
        a1 = i32x4.add(a1, i32x4.extadd_pairwise_i16x8_s(h1));
      } else {
        let plane0 = q.bits() == 4 ? a0 : v128.load(p);
        let plane1 = q.bits() == 4 ? a0 : v128.load(p, 16);
        p += planeBytes<Q>(q);
        for (; x < xEnd; x += step, p += eightBytes<Q>(q)) {
          a0 = dot<Q>(q, a0, lowCodes<Q>(q, v128.load(p), plane0), x, 0);
          a1 = dot<Q>(q, a1, lowCodes<Q>(q, v128.load(p, 16), plane1), x, 0);
          a0 = dot<Q>(q, a0, highCodes<Q>(q, v128.load(p + highStep<Q>(q)), plane0), x, 1);
          a1 = dot<Q>(q, a1, highCodes<Q>(q, v128.load(p + highStep<Q>(q), 16), plane1), x, 1);
          plane0 = nextPlane<Q>(q, plane0);
          plane1 = nextPlane<Q>(q, plane1);
        }
      }
      const d = v128.load32_splat(scales);
      f0 = f32x4.add(f0, f32x4.mul(f32x4.convert_i32x4_s(a0), f32x4.mul(lowScale<Q>(q, w, d0), d)));
      f1 = f32x4.add(f1, f32x4.mul(f32x4.convert_i32x4_s(a1), f32x4.mul(highScale<Q>(q, w, d1), d)));
      if (hasMins<Q>(q)) {
        const sum = f32x4.mul(f32x4.splat(<f32>spanSum<Q>(q, sums)), d);
        f0 = f32x4.sub(f0, f32x4.mul(lowMin<Q>(q, w, m0), sum));
        f1 = f32x4.sub(f1, f32x4.mul(highMin<Q>(q, w, m1), sum));
      }
      w += spanBytes<Q>(q);
      sums += q.span() >> 2;
      s++;
      if (q.span() == 32 || (s & 1) == 0) scales += 4;
    } while (s < spans);
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
}

/** The scales of rows 0 to 3 in the span at `w`. */
@inline
export function lowScale<Q extends Quant>(q: Q, w: usize, scale: v128): v128 {
  return hasScales<Q>(q) ? scaledLow(w, scale) : scale;
}

/** Those of rows 4 to 7. */
@inline
export function highScale<Q extends Quant>(q: Q, w: usize, scale: v128): v128 {
  return hasScales<Q>(q) ? scaledHigh(w, scale) : scale;
}

@inline
export function lowMin<Q extends Quant>(q: Q, w: usize, least: v128): v128 {
  return hasScales<Q>(q) ? scaledLow(w + 8, least) : least;
}

@inline
export function highMin<Q extends Quant>(q: Q, w: usize, least: v128): v128 {
  return hasScales<Q>(q) ? scaledHigh(w + 8, least) : least;
}

/**
 * Two groups at once, far apart in memory: two streams keep twice as many cache lines under way, which is worth 10 to
 * 25 % when weights come from L3 or DRAM (bench/LOG.md). The sums are those of `tile`.
 */
function twoGroups<Q extends Quant>(q: Q, w: usize, v: usize, columns: i32, x: usize, y: usize, z: usize): void {
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let g0 = f0;
  let g1 = f0;
  const spans = q.block() / q.span();
  let scales = scalesOf(x, columns);
  let sums = sumsOf(x, columns);
  const end = w + groupBytesOf<Q>(q, columns);
  x = operandOf<Q>(q, x, columns, 0);
  const step: usize = formOf<Q>(q) == PLAIN ? 16 : 8;
  while (w < end) {
    const head = w;
    const tail = v;
    w += headBytes<Q>(q);
    v += headBytes<Q>(q);
    let s = 0;
    do {
      let p = w + spanHeadBytes<Q>(q);
      let r = v + spanHeadBytes<Q>(q);
      const start = startOf<Q>(q, sums);
      const xEnd = x + <usize>(q.span() >> 3) * step;
      let a0: v128, a1: v128, b0: v128, b1: v128;
      if (isBytes<Q>(q)) {
        a0 = start, a1 = start, b0 = start, b1 = start;
        // Two column pairs at a time: V8 puts the loads of a loop body first, and more of them than registers would spill.
        for (; x < xEnd; x += 8, p += 32, r += 32) {
          let s = v128.load32_splat(x, 0);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 0), s));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 8), s));
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load_ext<i8>(r, 0), s));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load_ext<i8>(r, 8), s));
          s = v128.load32_splat(x, 4);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 16), s));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 24), s));
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load_ext<i8>(r, 16), s));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load_ext<i8>(r, 24), s));
        }
      } else {
        // int16 sums of relaxed nibbles begin with 0 and are widened below.
        const zero = i32x4.splat(0);
        const first = isRelaxedNibbles<Q>(q) ? zero : start;
        a0 = first, a1 = first, b0 = first, b1 = first;
        let plane0 = planeBytes<Q>(q) ? v128.load(p) : zero;
        let plane1 = planeBytes<Q>(q) ? v128.load(p, 16) : zero;
        let plane2 = planeBytes<Q>(q) ? v128.load(r) : zero;
        let plane3 = planeBytes<Q>(q) ? v128.load(r, 16) : zero;
        p += planeBytes<Q>(q);
        r += planeBytes<Q>(q);
        for (; x < xEnd; x += step, p += eightBytes<Q>(q), r += eightBytes<Q>(q)) {
          const xLow = v128.load32_splat(x);
          const xHigh = v128.load32_splat(x, 4);
          let n = v128.load(p);
          a0 = dotTwo<Q>(q, a0, lowCodes<Q>(q, n, plane0), xLow);
          if (q.bits() == 8) n = v128.load(p, 32);
          a0 = dotTwo<Q>(q, a0, highCodes<Q>(q, n, plane0), xHigh);
          n = v128.load(p, 16);
          a1 = dotTwo<Q>(q, a1, lowCodes<Q>(q, n, plane1), xLow);
          if (q.bits() == 8) n = v128.load(p, 48);
          a1 = dotTwo<Q>(q, a1, highCodes<Q>(q, n, plane1), xHigh);
          n = v128.load(r);
          b0 = dotTwo<Q>(q, b0, lowCodes<Q>(q, n, plane2), xLow);
          if (q.bits() == 8) n = v128.load(r, 32);
          b0 = dotTwo<Q>(q, b0, highCodes<Q>(q, n, plane2), xHigh);
          n = v128.load(r, 16);
          b1 = dotTwo<Q>(q, b1, lowCodes<Q>(q, n, plane3), xLow);
          if (q.bits() == 8) n = v128.load(r, 48);
          b1 = dotTwo<Q>(q, b1, highCodes<Q>(q, n, plane3), xHigh);
          plane0 = nextPlane<Q>(q, plane0);
          plane1 = nextPlane<Q>(q, plane1);
          plane2 = nextPlane<Q>(q, plane2);
          plane3 = nextPlane<Q>(q, plane3);
        }
        if (isRelaxedNibbles<Q>(q)) {
          a0 = i32x4.add(start, i32x4.extadd_pairwise_i16x8_s(a0));
          a1 = i32x4.add(start, i32x4.extadd_pairwise_i16x8_s(a1));
          b0 = i32x4.add(start, i32x4.extadd_pairwise_i16x8_s(b0));
          b1 = i32x4.add(start, i32x4.extadd_pairwise_i16x8_s(b1));
        }
      }
      const d = v128.load32_splat(scales);
      f0 = f32x4.add(f0, f32x4.mul(f32x4.convert_i32x4_s(a0), f32x4.mul(lowScale<Q>(q, w, v128.load(head)), d)));
      f1 = f32x4.add(f1, f32x4.mul(f32x4.convert_i32x4_s(a1), f32x4.mul(highScale<Q>(q, w, v128.load(head, 16)), d)));
      g0 = f32x4.add(g0, f32x4.mul(f32x4.convert_i32x4_s(b0), f32x4.mul(lowScale<Q>(q, v, v128.load(tail)), d)));
      g1 = f32x4.add(g1, f32x4.mul(f32x4.convert_i32x4_s(b1), f32x4.mul(highScale<Q>(q, v, v128.load(tail, 16)), d)));
      if (hasMins<Q>(q)) {
        const sum = f32x4.mul(f32x4.splat(<f32>spanSum<Q>(q, sums)), d);
        f0 = f32x4.sub(f0, f32x4.mul(lowMin<Q>(q, w, v128.load(head, 32)), sum));
        f1 = f32x4.sub(f1, f32x4.mul(highMin<Q>(q, w, v128.load(head, 48)), sum));
        g0 = f32x4.sub(g0, f32x4.mul(lowMin<Q>(q, v, v128.load(tail, 32)), sum));
        g1 = f32x4.sub(g1, f32x4.mul(highMin<Q>(q, v, v128.load(tail, 48)), sum));
      }
      w += spanBytes<Q>(q);
      v += spanBytes<Q>(q);
      sums += q.span() >> 2;
      s++;
      if (q.span() == 32 || (s & 1) == 0) scales += 4;
    } while (s < spans);
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
  v128.store(z, g0);
  v128.store(z, g1, 16);
}

/** `acc` plus four codes a row times four activations: int16 sums of relaxed nibbles, else int32. */
@inline
function dotTwo<Q extends Quant>(q: Q, acc: v128, codes: v128, x: v128): v128 {
  if (isRelaxedNibbles<Q>(q)) return i16x8.add(acc, relaxedPairs(x, codes));
  return relaxedAdd(x, codes, acc);
}
