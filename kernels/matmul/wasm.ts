/**
 * Y = W X for several x at once: the prefill and batch path. The same packed weights and the same order of every
 * sum as matvec, so the bits do not depend on which of the two computed a row. Four x share every weight load.
 */
import { BLOCK, loadFour } from '../common/wasm';
import { groupBytes, matvec } from '../matvec/wasm';
import { scalesOf, sumsOf } from '../quantize/wasm';
import { BF16, F16, F32, Q4_0, Q8_0 } from '../types';

/**
 * X: `count` vectors, `xStride` bytes apart; Y: `count` rows, `yStride` bytes apart. `scratch` holds 128 bytes (and
 * 32 bytes a tile with `folds`). Other arguments as in matvec.
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
  for (let g = groupFrom; g < groupTo; g++) {
    const wg = w + <usize>g * bytes;
    for (let m = 0; m < fours; m += 4) {
      const xm = x + <usize>(m * xStride);
      const ym = y + <usize>(m * yStride) + <usize>(g << 5);
      if (type == Q8_0) fourQ8_0(wg, columns, xm, xStride, ym, yStride, scratch);
      else if (type == Q4_0) fourQ4_0(wg, columns, xm, xStride, ym, yStride, scratch);
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

// @ts-ignore: decorator
@inline
function scaleAdd(f: usize, a: v128, weightScale: v128, d: v128): void {
  v128.store(f, f32x4.add(v128.load(f), f32x4.mul(f32x4.convert_i32x4_s(a), f32x4.mul(weightScale, d))));
}

/** Eight vectors of zeros; memory.fill would be a call out of WebAssembly. */
// @ts-ignore: decorator
@inline
function clear(f: usize): void {
  const zero = f32x4.splat(0);
  v128.store(f, zero);
  v128.store(f, zero, 16);
  v128.store(f, zero, 32);
  v128.store(f, zero, 48);
  v128.store(f, zero, 64);
  v128.store(f, zero, 80);
  v128.store(f, zero, 96);
  v128.store(f, zero, 112);
}

// @ts-ignore: decorator
@inline
function storeFour(f: usize, y: usize, yStride: i32): void {
  for (let m: usize = 0; m < 4; m++) {
    v128.store(y, v128.load(f + (m << 5)));
    v128.store(y, v128.load(f + (m << 5), 16), 16);
    y += yStride;
  }
}

function fourQ8_0(w: usize, columns: i32, x: usize, xStride: i32, y: usize, yStride: i32, f: usize): void {
  clear(f);
  const end = w + <usize>((columns / BLOCK) * 288);
  let x0 = x;
  let x1 = x0 + xStride;
  let x2 = x1 + xStride;
  let x3 = x2 + xStride;
  let d = scalesOf(x, columns);
  const stride = <usize>xStride;
  for (; w < end; w += 288) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
    let p = w + 32;
    for (const q = x0 + 64; x0 < q; p += 64, x0 += 16, x1 += 16, x2 += 16, x3 += 16) {
      let lo = v128.load_ext<i8>(p, 0);
      let hi = v128.load_ext<i8>(p, 8);
      let s = v128.load32_splat(x0, 0);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x1, 0);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(lo, s));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x2, 0);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(lo, s));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x3, 0);
      e0 = i32x4.add(e0, i32x4.dot_i16x8_s(lo, s));
      e1 = i32x4.add(e1, i32x4.dot_i16x8_s(hi, s));
      lo = v128.load_ext<i8>(p, 16);
      hi = v128.load_ext<i8>(p, 24);
      s = v128.load32_splat(x0, 4);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x1, 4);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(lo, s));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x2, 4);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(lo, s));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x3, 4);
      e0 = i32x4.add(e0, i32x4.dot_i16x8_s(lo, s));
      e1 = i32x4.add(e1, i32x4.dot_i16x8_s(hi, s));
      lo = v128.load_ext<i8>(p, 32);
      hi = v128.load_ext<i8>(p, 40);
      s = v128.load32_splat(x0, 8);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x1, 8);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(lo, s));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x2, 8);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(lo, s));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x3, 8);
      e0 = i32x4.add(e0, i32x4.dot_i16x8_s(lo, s));
      e1 = i32x4.add(e1, i32x4.dot_i16x8_s(hi, s));
      lo = v128.load_ext<i8>(p, 48);
      hi = v128.load_ext<i8>(p, 56);
      s = v128.load32_splat(x0, 12);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x1, 12);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(lo, s));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x2, 12);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(lo, s));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(hi, s));
      s = v128.load32_splat(x3, 12);
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

/** Q4_0 nibbles become 16-bit lanes (or bytes) once for the four x. */
function fourQ4_0(w: usize, columns: i32, x: usize, xStride: i32, y: usize, yStride: i32, f: usize): void {
  clear(f);
  const end = w + <usize>((columns / BLOCK) * 160);
  const stride = <usize>xStride;
  let d = scalesOf(x, columns);
  let sums = sumsOf(x, columns);
  let x0 = ASC_FEATURE_RELAXED_SIMD ? x + <usize>(columns * 2) : x;
  for (; w < end; w += 160) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
    const x1 = x0 + stride;
    const x2 = x1 + stride;
    const x3 = x2 + stride;
    if (ASC_FEATURE_RELAXED_SIMD) {
      const low = i8x16.splat(15);
      for (let v: usize = 0; v < 4; v++) {
        const w0 = v128.load(w + (v << 5), 32);
        const w1 = v128.load(w + (v << 5), 48);
        let lo = v128.and(w0, low);
        let hi = v128.and(w1, low);
        let s = v128.load32_splat(x0 + (v << 3));
        a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, a0);
        a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, a1);
        s = v128.load32_splat(x1 + (v << 3));
        b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, b0);
        b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, b1);
        s = v128.load32_splat(x2 + (v << 3));
        c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, c0);
        c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, c1);
        s = v128.load32_splat(x3 + (v << 3));
        e0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, e0);
        e1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, e1);
        lo = v128.and(i16x8.shr_u(w0, 4), low);
        hi = v128.and(i16x8.shr_u(w1, 4), low);
        s = v128.load32_splat(x0 + (v << 3), 4);
        a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, a0);
        a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, a1);
        s = v128.load32_splat(x1 + (v << 3), 4);
        b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, b0);
        b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, b1);
        s = v128.load32_splat(x2 + (v << 3), 4);
        c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, c0);
        c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, c1);
        s = v128.load32_splat(x3 + (v << 3), 4);
        e0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, lo, e0);
        e1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(s, hi, e1);
      }
      x0 += 32;
    } else {
      const low = i16x8.splat(15);
      for (let v: usize = 0; v < 4; v++) {
        let w0 = v128.load(w + (v << 5), 32);
        let w1 = v128.load(w + (v << 5), 48);
        for (let n: usize = 0; n < 16; n += 4) {
          const lo = v128.and(w0, low);
          const hi = v128.and(w1, low);
          const at = (v << 4) + n;
          let s = v128.load32_splat(x0 + at);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(lo, s));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(hi, s));
          s = v128.load32_splat(x1 + at);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(lo, s));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(hi, s));
          s = v128.load32_splat(x2 + at);
          c0 = i32x4.add(c0, i32x4.dot_i16x8_s(lo, s));
          c1 = i32x4.add(c1, i32x4.dot_i16x8_s(hi, s));
          s = v128.load32_splat(x3 + at);
          e0 = i32x4.add(e0, i32x4.dot_i16x8_s(lo, s));
          e1 = i32x4.add(e1, i32x4.dot_i16x8_s(hi, s));
          w0 = i16x8.shr_u(w0, 4);
          w1 = i16x8.shr_u(w1, 4);
        }
      }
      x0 += 64;
    }
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    let s = v128.load32_splat(d);
    let o = i32x4.splat(load<i32>(sums) << 3);
    scaleAdd(f, i32x4.sub(a0, o), w0, s);
    scaleAdd(f + 16, i32x4.sub(a1, o), w1, s);
    s = v128.load32_splat(d + stride);
    o = i32x4.splat(load<i32>(sums + stride) << 3);
    scaleAdd(f + 32, i32x4.sub(b0, o), w0, s);
    scaleAdd(f + 48, i32x4.sub(b1, o), w1, s);
    s = v128.load32_splat(d + 2 * stride);
    o = i32x4.splat(load<i32>(sums + 2 * stride) << 3);
    scaleAdd(f + 64, i32x4.sub(c0, o), w0, s);
    scaleAdd(f + 80, i32x4.sub(c1, o), w1, s);
    s = v128.load32_splat(d + 3 * stride);
    o = i32x4.splat(load<i32>(sums + 3 * stride) << 3);
    scaleAdd(f + 96, i32x4.sub(e0, o), w0, s);
    scaleAdd(f + 112, i32x4.sub(e1, o), w1, s);
    d += 4;
    sums += 4;
  }
  storeFour(f, y, yStride);
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
