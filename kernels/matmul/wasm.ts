/**
 * Y = W X for several x at once: the prefill and batch path. The same packed weights and the same order of every
 * sum as matvec, so the bits do not depend on which of the two computed a row. The codes of a group are spread once for
 * all x, as bytes or as int16; four x share every weight load, and lie interleaved so that one address serves them.
 * Beside spread codes lie the heads of their spans, [8 f32 scales] and in some types [8 f32 mins].
 */
import { highMin, highScale, lowMin, lowScale, matvecOf, spanSum, startOf } from '../matvec/wasm';
import { narrowOf, scalesOf, sumsOf } from '../quantize/wasm';
import { PLAIN, RELAXED } from '../quants/variants';
import {
  ADD, eightBytes, formOf, groupBytesOf, hasMins, hasScales, headBytes, highCodes, highStep, lowCodes, nextPlane,
  packedBytes, planeBytes, Quant, relaxedAdd, relaxedPairs, spanBytes, spanHeadBytes, storedOffset,
} from '../quants/wasm';

/** Bytes before the spread codes in scratch: the sums of four x. */
const SUMS_BYTES = 128;

/**
 * X: `count` vectors, `xStride` bytes apart; Y: `count` rows, `yStride` bytes apart. `scratch` holds
 * 128 + (20 + 2 * count) * columns bytes, or 32 bytes a tile with `folds`. Other arguments as in matvec.
 */
export function matmulOf<Q extends Quant>(
  q: Q,
  w: usize,
  groupFrom: i32,
  groupTo: i32,
  columns: i32,
  x: usize,
  xStride: i32,
  count: i32,
  y: usize,
  yStride: i32,
  folds: usize,
  scratch: usize,
): void {
  const fours = folds == 0 ? count & ~3 : 0;
  if (isDefined(q.span)) prepare<Q>(q, columns, x, xStride, groupFrom < groupTo ? fours : 0, scratch);
  for (let g = groupFrom; g < groupTo; g++) {
    const group = w + <usize>g * <usize>groupBytesOf<Q>(q, columns);
    if (isDefined(q.span)) foursOfBlocks<Q>(q, group, columns, x, xStride, fours, y + <usize>(g << 5), yStride, scratch);
    else foursOfFloats<Q>(q, group, columns, x, xStride, fours, y + <usize>(g << 5), yStride);
    for (let m = fours; m < count; m++) {
      matvecOf<Q>(q, w, g, g + 1, columns, x + <usize>(m * xStride), y + <usize>(m * yStride), folds, scratch);
    }
  }
}

/** Interleaves the x by fours at the end of scratch. */
function prepare<Q extends Quant>(q: Q, columns: i32, x: usize, xStride: i32, fours: i32, scratch: usize): void {
  for (let m = 0; m < fours; m++, x += xStride) {
    const to = quadsOf(scratch, columns) + <usize>((m >> 2) * (columns << 3) + ((m & 3) << 2));
    if (isWide<Q>(q)) interleave(x, columns << 1, to);
    else interleave(narrowOf(x, columns), columns, to);
  }
}

@inline
function codesOf(scratch: usize, columns: i32): usize {
  return scratch + SUMS_BYTES + <usize>(columns << 2);
}

@inline
function quadsOf(scratch: usize, columns: i32): usize {
  return scratch + SUMS_BYTES + <usize>(columns * 20);
}

/** One group times `fours` of the x. */
function foursOfBlocks<Q extends Quant>(
  q: Q,
  group: usize,
  columns: i32,
  x: usize,
  xStride: i32,
  fours: i32,
  y: usize,
  yStride: i32,
  scratch: usize,
): void {
  const heads = scratch + SUMS_BYTES;
  const codes = codesOf(scratch, columns);
  let quad = quadsOf(scratch, columns);
  if (fours > 0 && !isFlat<Q>(q)) spread<Q>(q, group, columns, heads, codes);
  for (let m = 0; m < fours; m += 4, x += 4 * xStride, y += 4 * yStride, quad += columns << 3) {
    if (!isFlat<Q>(q)) four<Q>(q, false, codes, heads, columns, quad, x, xStride, y, yStride, scratch);
    else if (!isWide<Q>(q)) four<Q>(q, false, group, group, columns, quad, x, xStride, y, yStride, scratch);
    else four<Q>(q, m == 0, codes, group, columns, quad, x, xStride, y, yStride, scratch);
  }
}

function foursOfFloats<Q extends Quant>(
  q: Q,
  group: usize,
  columns: i32,
  x: usize,
  xStride: i32,
  fours: i32,
  y: usize,
  yStride: i32,
): void {
  for (let m = 0; m < fours; m += 4, x += 4 * xStride, y += 4 * yStride) {
    fourFloats<Q>(q, group, columns, x, xStride, y, yStride);
  }
}

/** Packed nearly as a spread group is: blocks of 32 bytes a row under a scale, which need no spreading. */
@inline
function isFlat<Q extends Quant>(q: Q): bool {
  return q.bits() == 8 && q.block() == 32 && !hasMins<Q>(q);
}

/** Whether the products are of int16: of bytes where int8 products do not fit this build's sums. */
@inline
function isWide<Q extends Quant>(q: Q): bool {
  return formOf<Q>(q) == PLAIN || (formOf<Q>(q) == RELAXED && q.most() > 15);
}

/** The words of a vector of `bytes` to every fourth word of `quad`. */
function interleave(x: usize, bytes: i32, quad: usize): void {
  for (const end = x + <usize>bytes; x < end; x += 4, quad += 16) store<i32>(quad, load<i32>(x));
}

/**
 * A packed group to heads and codes: bytes as products take them, per four columns (in quantize's narrow order) rows 0-3,
 * then rows 4-7; or int16 with the offset taken off, per column pair rows 0-3, then rows 4-7, [c0 c1] each.
 */
function spread<Q extends Quant>(q: Q, w: usize, columns: i32, heads: usize, codes: usize): void {
  const spans = q.block() / q.span();
  for (const end = w + groupBytesOf<Q>(q, columns); w < end; ) {
    const head = w;
    w += headBytes<Q>(q);
    for (let s = 0; s < spans; s++, w += spanBytes<Q>(q)) {
      v128.store(heads, lowScale<Q>(q, w, v128.load(head)));
      v128.store(heads, highScale<Q>(q, w, v128.load(head, 16)), 16);
      heads += 32;
      if (hasMins<Q>(q)) {
        v128.store(heads, lowMin<Q>(q, w, v128.load(head, 32)));
        v128.store(heads, highMin<Q>(q, w, v128.load(head, 48)), 16);
        heads += 32;
      }
      let p = w + spanHeadBytes<Q>(q);
      let plane0 = v128.load(p);
      let plane1 = v128.load(p, 16);
      p += planeBytes<Q>(q);
      for (let c = 0; c < q.span(); c += 8, p += eightBytes<Q>(q)) {
        const low0 = lowCodes<Q>(q, v128.load(p), plane0);
        const low1 = lowCodes<Q>(q, v128.load(p, 16), plane1);
        const high0 = highCodes<Q>(q, v128.load(p + highStep<Q>(q)), plane0);
        const high1 = highCodes<Q>(q, v128.load(p + highStep<Q>(q), 16), plane1);
        if (isWide<Q>(q)) {
          const offset = i16x8.splat(<i16>storedOffset<Q>(q));
          storePairs(codes, low0, high0, offset);
          storePairs(codes + 16, low1, high1, offset);
          codes += 128;
        } else {
          v128.store(codes, low0);
          v128.store(codes, low1, 16);
          v128.store(codes, high0, 32);
          v128.store(codes, high1, 48);
          codes += 64;
        }
        plane0 = nextPlane<Q>(q, plane0);
        plane1 = nextPlane<Q>(q, plane1);
      }
    }
  }
}

/** Bytes [c0 c4 c1 c5] and [c2 c6 c3 c7] of four rows as int16 pairs, 32 bytes from one pair to the next. */
@inline
function storePairs(to: usize, low: v128, high: v128, offset: v128): void {
  const even = i16x8.splat(255);
  v128.store(to, i16x8.sub(v128.and(low, even), offset));
  v128.store(to, i16x8.sub(v128.and(high, even), offset), 32);
  v128.store(to, i16x8.sub(i16x8.shr_u(low, 8), offset), 64);
  v128.store(to, i16x8.sub(i16x8.shr_u(high, 8), offset), 96);
}

/**
 * Four x times one group, or with `isFirst` those of a flat group whose int16 are still bytes, which are left at `codes`
 * for the next four: making them while computing lets reads from DRAM and products overlap. `quad` holds the words of the x by
 * turns, their scales and sums are where quantize put them. `f` holds the 4 x 8 sums.
 */
function four<Q extends Quant>(
  q: Q,
  isFirst: bool,
  codes: usize,
  head: usize,
  columns: i32,
  quad: usize,
  x: usize,
  xStride: i32,
  y: usize,
  yStride: i32,
  f: usize,
): void {
  if (isFlat<Q>(q) && isWide<Q>(q) && isFirst) fourOf<Q>(q, true, codes, head, columns, quad, x, xStride, y, yStride, f);
  else fourOf<Q>(q, false, codes, head, columns, quad, x, xStride, y, yStride, f);
}

@inline
function fourOf<Q extends Quant>(
  q: Q,
  isFirst: bool,
  codes: usize,
  head: usize,
  columns: i32,
  quad: usize,
  x: usize,
  xStride: i32,
  y: usize,
  yStride: i32,
  f: usize,
): void {
  const stride = <usize>xStride;
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 16) v128.store(f + i, zero);
  const headStep: usize = isFlat<Q>(q) ? packedBytes<Q>(q) : headBytes<Q>(q);
  const quadBytes: usize = q.span() << (isWide<Q>(q) ? 3 : 2);
  const end = quad + <usize>(columns << (isWide<Q>(q) ? 3 : 2));
  let d = scalesOf(x, columns);
  let sums = sumsOf(x, columns);
  let bytes: usize = 0;
  let isSecond = false;
  while (quad < end) {
    let a0 = start<Q>(q, sums), a1 = a0;
    let b0 = start<Q>(q, sums + stride), b1 = b0;
    let c0 = start<Q>(q, sums + 2 * stride), c1 = c0;
    let e0 = start<Q>(q, sums + 3 * stride), e1 = e0;
    if (isFirst) bytes = head + 32;
    else if (isFlat<Q>(q) && !isWide<Q>(q)) codes = head + 32;
    // One word of each x at a time: V8 puts the loads of a loop body first, and more of them than registers would spill.
    for (const spanEnd = quad + quadBytes; quad < spanEnd; codes += 32, quad += 16) {
      let lo: v128, hi: v128;
      if (isFirst) {
        lo = v128.load_ext<i8>(bytes);
        hi = v128.load_ext<i8>(bytes, 8);
        v128.store(codes, lo);
        v128.store(codes, hi, 16);
        bytes += 16;
      } else {
        lo = v128.load(codes);
        hi = v128.load(codes, 16);
      }
      let s = v128.load32_splat(quad);
      a0 = product<Q>(q, a0, lo, s);
      a1 = product<Q>(q, a1, hi, s);
      s = v128.load32_splat(quad, 4);
      b0 = product<Q>(q, b0, lo, s);
      b1 = product<Q>(q, b1, hi, s);
      s = v128.load32_splat(quad, 8);
      c0 = product<Q>(q, c0, lo, s);
      c1 = product<Q>(q, c1, hi, s);
      s = v128.load32_splat(quad, 12);
      e0 = product<Q>(q, e0, lo, s);
      e1 = product<Q>(q, e1, hi, s);
    }
    addSpan<Q>(q, f, a0, a1, head, d, sums);
    addSpan<Q>(q, f + 32, b0, b1, head, d + stride, sums + stride);
    addSpan<Q>(q, f + 64, c0, c1, head, d + 2 * stride, sums + 2 * stride);
    addSpan<Q>(q, f + 96, e0, e1, head, d + 3 * stride, sums + 3 * stride);
    head += headStep;
    sums += q.span() >> 2;
    isSecond = !isSecond;
    if (q.span() == 32 || !isSecond) d += 4;
  }
  for (let m = 0; m < 4; m++, f += 32, y += yStride) {
    v128.store(y, v128.load(f));
    v128.store(y, v128.load(f, 16), 16);
  }
}

/** What the sum of a span of one x begins with: int16 have the offset taken off, sums in int16 begin with 0. */
@inline
function start<Q extends Quant>(q: Q, sums: usize): v128 {
  return formOf<Q>(q) == ADD ? startOf<Q>(q, sums) : i32x4.splat(0);
}

@inline
function product<Q extends Quant>(q: Q, acc: v128, codes: v128, x: v128): v128 {
  if (isWide<Q>(q)) return i32x4.add(acc, i32x4.dot_i16x8_s(codes, x));
  if (formOf<Q>(q) == ADD) return relaxedAdd(x, codes, acc);
  return i16x8.add(acc, relaxedPairs(x, codes));
}

/** One x's span: its sums scaled and added, and the part of the mins taken off. */
@inline
function addSpan<Q extends Quant>(q: Q, f: usize, a0: v128, a1: v128, head: usize, d: usize, sums: usize): void {
  const scale = v128.load32_splat(d);
  if (!isWide<Q>(q) && formOf<Q>(q) == RELAXED) {
    const first = startOf<Q>(q, sums);
    a0 = i32x4.add(first, i32x4.extadd_pairwise_i16x8_s(a0));
    a1 = i32x4.add(first, i32x4.extadd_pairwise_i16x8_s(a1));
  }
  scaleAdd(f, a0, v128.load(head), scale);
  scaleAdd(f + 16, a1, v128.load(head, 16), scale);
  if (!hasMins<Q>(q)) return;
  const sum = f32x4.mul(f32x4.splat(<f32>spanSum<Q>(q, sums)), scale);
  v128.store(f, f32x4.sub(v128.load(f), f32x4.mul(v128.load(head, 32), sum)));
  v128.store(f, f32x4.sub(v128.load(f, 16), f32x4.mul(v128.load(head, 48), sum)), 16);
}

@inline
function scaleAdd(f: usize, a: v128, weightScale: v128, d: v128): void {
  v128.store(f, f32x4.add(v128.load(f), f32x4.mul(f32x4.convert_i32x4_s(a), f32x4.mul(weightScale, d))));
}

function fourFloats<Q extends Quant>(q: Q, w: usize, columns: i32, x: usize, xStride: i32, y: usize, yStride: i32): void {
  let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
  const stride = <usize>xStride;
  const end = x + <usize>(columns << 2);
  for (; x < end; x += 4, w += 8 * q.bytes()) {
    const lo = q.four(w);
    const hi = q.four(w + 4 * q.bytes());
    let s = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(lo, s));
    a1 = f32x4.add(a1, f32x4.mul(hi, s));
    s = v128.load32_splat(x + stride);
    b0 = f32x4.add(b0, f32x4.mul(lo, s));
    b1 = f32x4.add(b1, f32x4.mul(hi, s));
    s = v128.load32_splat(x + 2 * stride);
    c0 = f32x4.add(c0, f32x4.mul(lo, s));
    c1 = f32x4.add(c1, f32x4.mul(hi, s));
    s = v128.load32_splat(x + 3 * stride);
    e0 = f32x4.add(e0, f32x4.mul(lo, s));
    e1 = f32x4.add(e1, f32x4.mul(hi, s));
  }
  v128.store(y, a0);
  v128.store(y, a1, 16);
  y += yStride;
  v128.store(y, b0);
  v128.store(y, b1, 16);
  y += yStride;
  v128.store(y, c0);
  v128.store(y, c1, 16);
  y += yStride;
  v128.store(y, e0);
  v128.store(y, e1, 16);
}
