/**
 * Y = W X for several x at once: the prefill and batch path. The same packed weights and the same order of every
 * sum as matvec, so the bits do not depend on which of the two computed a row. A quantised group is widened to int16
 * once for all x; four x share every weight load, and lie interleaved so that one address serves them.
 */
import { BLOCK, loadFour } from '../common/wasm';
import { groupBytes, matvec } from '../matvec/wasm';
import { scalesOf, sumsOf } from '../quantize/wasm';
import { BF16, F16, F32, Q4_0, Q8_0 } from '../types';

/**
 * X: `count` vectors, `xStride` bytes apart; Y: `count` rows, `yStride` bytes apart. `scratch` holds
 * 128 + (16 + 2 * count) * columns bytes, or 32 bytes a tile with `folds`. Other arguments as in matvec.
 */
export function matmul(
  type: i32,
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
  const bytes = <usize>groupBytes(type, columns);
  const wide = scratch + 128;
  const quads = wide + <usize>(columns << 4);
  const isQuantised = type == Q8_0 || type == Q4_0;
  if (isQuantised && groupFrom < groupTo) {
    for (let m = 0; m < fours; m++) {
      const from = x + <usize>(m * xStride);
      const to = quads + <usize>((m >> 2) * (columns << 3) + ((m & 3) << 2));
      if (ASC_FEATURE_RELAXED_SIMD && type == Q4_0) interleave(from + <usize>(columns << 1), columns, to);
      else interleave(from, columns << 1, to);
    }
  }
  for (let g = groupFrom; g < groupTo; g++) {
    const wg = w + <usize>g * bytes;
    if (fours > 0 && type == Q4_0) {
      if (ASC_FEATURE_RELAXED_SIMD) spreadQ4_0(wg, columns / BLOCK, wide);
      else widenQ4_0(wg, columns / BLOCK, wide);
    }
    for (let m = 0; m < fours; m += 4) {
      const xm = x + <usize>(m * xStride);
      const ym = y + <usize>(m * yStride) + <usize>(g << 5);
      const quad = quads + <usize>((m >> 2) * (columns << 3));
      if (type == Q8_0) {
        if (m == 0) fourFirst(wide, wg, 288, columns, quad, xm, xStride, ym, yStride, scratch);
        else fourWide(wide, wg, 288, columns, quad, xm, xStride, ym, yStride, scratch);
      }
      else if (type == Q4_0) {
        if (ASC_FEATURE_RELAXED_SIMD) fourNibbles(wide, wg, columns, quad, xm, xStride, ym, yStride, scratch);
        else fourWide(wide, wg, 160, columns, quad, xm, xStride, ym, yStride, scratch);
      }
      else if (type == F16) fourFloats<u16>(wg, columns, xm, xStride, ym, yStride);
      else if (type == F32) fourFloats<f32>(wg, columns, xm, xStride, ym, yStride);
      else if (type == BF16) fourFloats<i16>(wg, columns, xm, xStride, ym, yStride);
      else unreachable();
    }
    for (let m = fours; m < count; m++) {
      matvec(type, w, g, g + 1, columns, x + <usize>(m * xStride), y + <usize>(m * yStride), folds, scratch);
    }
  }
}

/** The words of a vector of `bytes` to every fourth word of `quad`. */
function interleave(x: usize, bytes: i32, quad: usize): void {
  for (const end = x + <usize>bytes; x < end; x += 4, quad += 16) store<i32>(quad, load<i32>(x));
}

/** A group of Q4_0 as int16 with the 8 taken off, in the same order. */
function widenQ4_0(w: usize, blocks: i32, wide: usize): void {
  const low = i16x8.splat(15);
  const eight = i16x8.splat(8);
  for (let b = 0; b < blocks; b++, w += 160) {
    for (let p = w + 32; p < w + 160; p += 32, wide += 128) {
      let lo = v128.load(p);
      let hi = v128.load(p, 16);
      for (let n: usize = 0; n < 128; n += 32) {
        v128.store(wide + n, i16x8.sub(v128.and(lo, low), eight));
        v128.store(wide + n, i16x8.sub(v128.and(hi, low), eight), 16);
        lo = i16x8.shr_u(lo, 4);
        hi = i16x8.shr_u(hi, 4);
      }
    }
  }
}

/** A group of Q4_0 as bytes 0 to 15: per four columns (in quantize's narrow order) rows 0-3, then rows 4-7. */
function spreadQ4_0(w: usize, blocks: i32, bytes: usize): void {
  const low = i8x16.splat(15);
  for (let b = 0; b < blocks; b++, w += 160) {
    for (let p = w + 32; p < w + 160; p += 32, bytes += 64) {
      const lo = v128.load(p);
      const hi = v128.load(p, 16);
      v128.store(bytes, v128.and(lo, low));
      v128.store(bytes, v128.and(hi, low), 16);
      v128.store(bytes, v128.and(i16x8.shr_u(lo, 4), low), 32);
      v128.store(bytes, v128.and(i16x8.shr_u(hi, 4), low), 48);
    }
  }
}

@inline
function scaleAdd(f: usize, a: v128, weightScale: v128, d: v128): void {
  v128.store(f, f32x4.add(v128.load(f), f32x4.mul(f32x4.convert_i32x4_s(a), f32x4.mul(weightScale, d))));
}

/**
 * Four x times one group as int16, per column pair rows 0-3, then rows 4-7, [c0 c1] each; its scales lie at `w`,
 * `blockBytes` apart. `quad` holds the pairs of the x by turns, their scales are where quantize put them. `f` holds
 * the 4 x 8 sums.
 */
function fourWide(
  wide: usize,
  w: usize,
  blockBytes: usize,
  columns: i32,
  quad: usize,
  x: usize,
  xStride: i32,
  y: usize,
  yStride: i32,
  f: usize,
): void {
  four(false, wide, w, blockBytes, columns, quad, x, xStride, y, yStride, f);
}

/**
 * As fourWide for a group of Q8_0 that is still bytes: leaves its int16 at `wide` for the next four. Making them while
 * computing lets reads from DRAM and products overlap.
 */
function fourFirst(
  wide: usize,
  w: usize,
  blockBytes: usize,
  columns: i32,
  quad: usize,
  x: usize,
  xStride: i32,
  y: usize,
  yStride: i32,
  f: usize,
): void {
  four(true, wide, w, blockBytes, columns, quad, x, xStride, y, yStride, f);
}

@inline
function four(
  isFirst: bool,
  wide: usize,
  w: usize,
  blockBytes: usize,
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
  const end = w + <usize>(columns / BLOCK) * blockBytes;
  let d = scalesOf(x, columns);
  for (; w < end; w += blockBytes) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
    let bytes = w + 32;
    // One column pair at a time: V8 puts the loads of a loop body first, and more of them than registers would spill.
    for (const blockEnd = quad + 256; quad < blockEnd; wide += 32, quad += 16) {
      let lo: v128, hi: v128;
      if (isFirst) {
        lo = v128.load_ext<i8>(bytes);
        hi = v128.load_ext<i8>(bytes, 8);
        v128.store(wide, lo);
        v128.store(wide, hi, 16);
        bytes += 16;
      } else {
        lo = v128.load(wide);
        hi = v128.load(wide, 16);
      }
      let s = v128.load32_splat(quad);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(quad, 4);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(lo, s));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(quad, 8);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(lo, s));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(quad, 12);
      e0 = i32x4.add(e0, i32x4.dot_i16x8_s(lo, s));
      e1 = i32x4.add(e1, i32x4.dot_i16x8_s(hi, s));
    }
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    let s = v128.load32_splat(d);
    scaleAdd(f, a0, w0, s);
    scaleAdd(f + 16, a1, w1, s);
    s = v128.load32_splat(d + stride);
    scaleAdd(f + 32, b0, w0, s);
    scaleAdd(f + 48, b1, w1, s);
    s = v128.load32_splat(d + 2 * stride);
    scaleAdd(f + 64, c0, w0, s);
    scaleAdd(f + 80, c1, w1, s);
    s = v128.load32_splat(d + 3 * stride);
    scaleAdd(f + 96, e0, w0, s);
    scaleAdd(f + 112, e1, w1, s);
    d += 4;
  }
  storeFour(f, y, yStride);
}

/** As fourWide, for a group of Q4_0 spread to bytes and the narrow x; int16 sums as in matvec's relaxed Q4_0. */
function fourNibbles(
  bytes: usize,
  w: usize,
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
  const end = w + <usize>(columns / BLOCK) * 160;
  let d = scalesOf(x, columns);
  let sums = sumsOf(x, columns);
  for (; w < end; w += 160, d += 4, sums += 4) {
    let a0 = i16x8.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
    for (const blockEnd = quad + 128; quad < blockEnd; bytes += 32, quad += 16) {
      const lo = v128.load(bytes);
      const hi = v128.load(bytes, 16);
      let s = v128.load32_splat(quad);
      a0 = i16x8.add(a0, i16x8.relaxed_dot_i8x16_i7x16_s(s, lo));
      a1 = i16x8.add(a1, i16x8.relaxed_dot_i8x16_i7x16_s(s, hi));
      s = v128.load32_splat(quad, 4);
      b0 = i16x8.add(b0, i16x8.relaxed_dot_i8x16_i7x16_s(s, lo));
      b1 = i16x8.add(b1, i16x8.relaxed_dot_i8x16_i7x16_s(s, hi));
      s = v128.load32_splat(quad, 8);
      c0 = i16x8.add(c0, i16x8.relaxed_dot_i8x16_i7x16_s(s, lo));
      c1 = i16x8.add(c1, i16x8.relaxed_dot_i8x16_i7x16_s(s, hi));
      s = v128.load32_splat(quad, 12);
      e0 = i16x8.add(e0, i16x8.relaxed_dot_i8x16_i7x16_s(s, lo));
      e1 = i16x8.add(e1, i16x8.relaxed_dot_i8x16_i7x16_s(s, hi));
    }
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    addNibbles(f, a0, a1, w0, w1, d, sums);
    addNibbles(f + 32, b0, b1, w0, w1, d + stride, sums + stride);
    addNibbles(f + 64, c0, c1, w0, w1, d + 2 * stride, sums + 2 * stride);
    addNibbles(f + 96, e0, e1, w0, w1, d + 3 * stride, sums + 3 * stride);
  }
  storeFour(f, y, yStride);
}

/** One x's block: its int16 sums widened, the stored nibbles' 8 taken off, scaled and added. */
@inline
function addNibbles(f: usize, h0: v128, h1: v128, w0: v128, w1: v128, d: usize, sums: usize): void {
  const scale = v128.load32_splat(d);
  const offset = i32x4.splat(load<i32>(sums) << 3);
  scaleAdd(f, i32x4.sub(i32x4.extadd_pairwise_i16x8_s(h0), offset), w0, scale);
  scaleAdd(f + 16, i32x4.sub(i32x4.extadd_pairwise_i16x8_s(h1), offset), w1, scale);
}

@inline
function storeFour(f: usize, y: usize, yStride: i32): void {
  for (let m = 0; m < 4; m++, f += 32, y += yStride) {
    v128.store(y, v128.load(f));
    v128.store(y, v128.load(f, 16), 16);
  }
}

/** T as in loadFour. */
function fourFloats<T>(w: usize, columns: i32, x: usize, xStride: i32, y: usize, yStride: i32): void {
  let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
  const stride = <usize>xStride;
  const end = x + <usize>(columns << 2);
  for (; x < end; x += 4, w += 8 * sizeof<T>()) {
    const lo = loadFour<T>(w);
    const hi = loadFour<T>(w + 4 * sizeof<T>());
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
