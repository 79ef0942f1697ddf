/**
 * y = W x for one x: the decode path. W is packed in groups of eight rows (see pack): lane = row, so the sum over
 * columns needs no horizontal adds and the weights are one stream. Every sum runs in column (or block) order
 * within a tile; tiles meet in the order of the plan's fold table.
 *
 * Rows are [groupFrom * 8, groupTo * 8); y is written in whole groups, so its buffer is a multiple of 8 long.
 * `folds` is 0 for one tile, else a fold table (common) with ends in blocks (quantised) or columns (floats);
 * `scratch` then holds 32 bytes a tile.
 */
import { BLOCK, foldPartials, loadFour } from '../common/wasm';
import { scalesOf, sumsOf } from '../quantize/wasm';
import { BF16, F16, F32, Q4_0, Q8_0 } from '../types';

/** `x` is a quantised vector for Q types (see quantize), f32 [columns] for float types. */
export function matvec(
  type: i32,
  w: usize,
  groupFrom: i32,
  groupTo: i32,
  columns: i32,
  x: usize,
  y: usize,
  folds: usize,
  scratch: usize,
): void {
  const bytes = groupBytes(type, columns);
  const extent = type == Q8_0 || type == Q4_0 ? columns / BLOCK : columns;
  w += <usize>groupFrom * <usize>bytes;
  y += <usize>(groupFrom << 5);
  if (folds == 0 && (type == Q8_0 || (ASC_FEATURE_RELAXED_SIMD && type == Q4_0))) {
    const half = (groupTo - groupFrom) >> 1;
    for (let g = 0; g < half; g++, w += bytes, y += 32) {
      const v = w + <usize>half * <usize>bytes;
      const z = y + <usize>(half << 5);
      if (type == Q8_0) twoGroupsQ8_0(w, v, columns, x, y, z);
      else twoGroupsQ4_0(w, v, columns, x, y, z);
    }
    groupFrom += 2 * half;
    w += <usize>half * <usize>bytes;
    y += <usize>(half << 5);
  }
  for (let g = groupFrom; g < groupTo; g++, w += bytes, y += 32) {
    if (folds == 0) {
      tile(type, w, columns, 0, extent, x, y);
    } else {
      const tiles = load<i32>(folds);
      let from = 0;
      for (let t = 0; t < tiles; t++) {
        const to = load<i32>(folds + <usize>((t + 1) << 2));
        tile(type, w, columns, from, to, x, scratch + <usize>(t << 5));
        from = to;
      }
      const sum = foldPartials(folds, scratch, 2);
      v128.store(y, v128.load(sum));
      v128.store(y, v128.load(sum, 16), 16);
    }
  }
}

/** Bytes of one packed group of eight rows. */
export function groupBytes(type: i32, columns: i32): i32 {
  if (type == Q8_0) return (columns / BLOCK) * 288;
  if (type == Q4_0) return (columns / BLOCK) * 160;
  return type == F32 ? columns << 5 : columns << 4;
}

/** Eight rows of one tile, blocks or columns [from, to), into 32 bytes at `y`. */
export function tile(type: i32, w: usize, columns: i32, from: i32, to: i32, x: usize, y: usize): void {
  if (type == Q8_0) tileQ8_0(w, columns, from, to, x, y);
  else if (type == Q4_0) tileQ4_0(w, columns, from, to, x, y);
  else if (type == F16) tileFloat<u16>(w, from, to, x, y);
  else if (type == F32) tileFloat<f32>(w, from, to, x, y);
  else if (type == BF16) tileFloat<i16>(w, from, to, x, y);
  else unreachable();
}

function tileQ8_0(w: usize, columns: i32, from: i32, to: i32, x: usize, y: usize): void {
  let f0 = f32x4.splat(0);
  let f1 = f32x4.splat(0);
  let scales = scalesOf(x, columns) + <usize>(from << 2);
  const end = w + <usize>(to * 288);
  w += <usize>(from * 288);
  x += <usize>(from << 6);
  for (; w < end; w += 288, scales += 4) {
    let a0 = i32x4.splat(0);
    let a1 = i32x4.splat(0);
    // Adjacent halves do the same thing, so that an engine with 256-bit vectors can pair them.
    let p = w + 32;
    for (const q = x + 64; x < q; x += 16, p += 64) {
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
    const d = v128.load32_splat(scales);
    f0 = f32x4.add(f0, f32x4.mul(f32x4.convert_i32x4_s(a0), f32x4.mul(v128.load(w), d)));
    f1 = f32x4.add(f1, f32x4.mul(f32x4.convert_i32x4_s(a1), f32x4.mul(v128.load(w, 16), d)));
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
}

/**
 * Two groups at once, far apart in memory: two streams keep twice as many cache lines under way, which is worth 10 to
 * 25 % when weights come from L3 or DRAM (bench/LOG.md). The sums are those of tileQ8_0.
 */
function twoGroupsQ8_0(w: usize, v: usize, columns: i32, x: usize, y: usize, z: usize): void {
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let g0 = f0;
  let g1 = f0;
  let scales = scalesOf(x, columns);
  const end = w + <usize>((columns / BLOCK) * 288);
  for (; w < end; w += 288, v += 288, scales += 4) {
    let a0 = i32x4.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let p = w + 32;
    let q = v + 32;
    // Two column pairs at a time: V8 puts the loads of a loop body first, and more of them than registers would spill.
    for (const xEnd = x + 64; x < xEnd; x += 8, p += 32, q += 32) {
      let s = v128.load32_splat(x, 0);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 0), s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 8), s));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 0), s));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 8), s));
      s = v128.load32_splat(x, 4);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 16), s));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 24), s));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 16), s));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 24), s));
    }
    const d = v128.load32_splat(scales);
    f0 = f32x4.add(f0, f32x4.mul(f32x4.convert_i32x4_s(a0), f32x4.mul(v128.load(w), d)));
    f1 = f32x4.add(f1, f32x4.mul(f32x4.convert_i32x4_s(a1), f32x4.mul(v128.load(w, 16), d)));
    g0 = f32x4.add(g0, f32x4.mul(f32x4.convert_i32x4_s(b0), f32x4.mul(v128.load(v), d)));
    g1 = f32x4.add(g1, f32x4.mul(f32x4.convert_i32x4_s(b1), f32x4.mul(v128.load(v, 16), d)));
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
  v128.store(z, g0);
  v128.store(z, g1, 16);
}

/** As twoGroupsQ8_0, in relaxed SIMD. */
function twoGroupsQ4_0(w: usize, v: usize, columns: i32, x: usize, y: usize, z: usize): void {
  if (!ASC_FEATURE_RELAXED_SIMD) return;
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let g0 = f0;
  let g1 = f0;
  const low = i8x16.splat(15);
  let scales = scalesOf(x, columns);
  let sums = sumsOf(x, columns);
  x += <usize>(columns * 2);
  const end = w + <usize>((columns / BLOCK) * 160);
  for (; w < end; w += 160, v += 160, scales += 4, sums += 4) {
    let a0 = i16x8.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let p = w + 32;
    let q = v + 32;
    for (const xEnd = x + 32; x < xEnd; x += 8, p += 32, q += 32) {
      const xLow = v128.load32_splat(x);
      const xHigh = v128.load32_splat(x, 4);
      let n = v128.load(p);
      a0 = i16x8.add(a0, i16x8.relaxed_dot_i8x16_i7x16_s(xLow, v128.and(n, low)));
      a0 = i16x8.add(a0, i16x8.relaxed_dot_i8x16_i7x16_s(xHigh, v128.and(i16x8.shr_u(n, 4), low)));
      n = v128.load(p, 16);
      a1 = i16x8.add(a1, i16x8.relaxed_dot_i8x16_i7x16_s(xLow, v128.and(n, low)));
      a1 = i16x8.add(a1, i16x8.relaxed_dot_i8x16_i7x16_s(xHigh, v128.and(i16x8.shr_u(n, 4), low)));
      n = v128.load(q);
      b0 = i16x8.add(b0, i16x8.relaxed_dot_i8x16_i7x16_s(xLow, v128.and(n, low)));
      b0 = i16x8.add(b0, i16x8.relaxed_dot_i8x16_i7x16_s(xHigh, v128.and(i16x8.shr_u(n, 4), low)));
      n = v128.load(q, 16);
      b1 = i16x8.add(b1, i16x8.relaxed_dot_i8x16_i7x16_s(xLow, v128.and(n, low)));
      b1 = i16x8.add(b1, i16x8.relaxed_dot_i8x16_i7x16_s(xHigh, v128.and(i16x8.shr_u(n, 4), low)));
    }
    const d = v128.load32_splat(scales);
    const offset = i32x4.splat(load<i32>(sums) << 3);
    f0 = f32x4.add(f0, f32x4.mul(nibbleSums(a0, offset), f32x4.mul(v128.load(w), d)));
    f1 = f32x4.add(f1, f32x4.mul(nibbleSums(a1, offset), f32x4.mul(v128.load(w, 16), d)));
    g0 = f32x4.add(g0, f32x4.mul(nibbleSums(b0, offset), f32x4.mul(v128.load(v), d)));
    g1 = f32x4.add(g1, f32x4.mul(nibbleSums(b1, offset), f32x4.mul(v128.load(v, 16), d)));
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
  v128.store(z, g0);
  v128.store(z, g1, 16);
}

/** int16 sums of a block as f32, the 8 that stored nibbles are too large taken off. */
@inline
function nibbleSums(h: v128, offset: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.sub(i32x4.extadd_pairwise_i16x8_s(h), offset));
}

function tileQ4_0(w: usize, columns: i32, from: i32, to: i32, x: usize, y: usize): void {
  let f0 = f32x4.splat(0);
  let f1 = f32x4.splat(0);
  let scales = scalesOf(x, columns) + <usize>(from << 2);
  let sums = sumsOf(x, columns) + <usize>(from << 2);
  const end = w + <usize>(to * 160);
  w += <usize>(from * 160);
  if (ASC_FEATURE_RELAXED_SIMD) x += <usize>(columns * 2) + <usize>(from << 5);
  else x += <usize>(from << 6);
  for (; w < end; w += 160, scales += 4, sums += 4) {
    let a0 = i32x4.splat(0);
    let a1 = i32x4.splat(0);
    if (ASC_FEATURE_RELAXED_SIMD) {
      // Pair sums are at most 2 * 15 * 127, and a block adds up eight of them: 30480 fits into int16.
      const low = i8x16.splat(15);
      let h0 = i16x8.splat(0);
      let h1 = h0;
      for (let v: usize = 0; v < 4; v++) {
        const w0 = v128.load(w + (v << 5), 32);
        const w1 = v128.load(w + (v << 5), 48);
        const xLow = v128.load32_splat(x + (v << 3));
        const xHigh = v128.load32_splat(x + (v << 3), 4);
        h0 = i16x8.add(h0, i16x8.relaxed_dot_i8x16_i7x16_s(xLow, v128.and(w0, low)));
        h1 = i16x8.add(h1, i16x8.relaxed_dot_i8x16_i7x16_s(xLow, v128.and(w1, low)));
        h0 = i16x8.add(h0, i16x8.relaxed_dot_i8x16_i7x16_s(xHigh, v128.and(i16x8.shr_u(w0, 4), low)));
        h1 = i16x8.add(h1, i16x8.relaxed_dot_i8x16_i7x16_s(xHigh, v128.and(i16x8.shr_u(w1, 4), low)));
      }
      a0 = i32x4.extadd_pairwise_i16x8_s(h0);
      a1 = i32x4.extadd_pairwise_i16x8_s(h1);
      x += 32;
    } else {
      // Nibbles stay where they are in their 16-bit lane: their power of 16 comes out of the exact sum at the end.
      let b0 = i32x4.splat(0);
      let b1 = i32x4.splat(0);
      let c0 = i32x4.splat(0);
      let c1 = i32x4.splat(0);
      for (let v: usize = 0; v < 4; v++) {
        const w0 = v128.load(w + (v << 5), 32);
        const w1 = v128.load(w + (v << 5), 48);
        const x0 = v128.load32_splat(x + (v << 4));
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.and(w0, i16x8.splat(0x000f)), x0));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.and(w1, i16x8.splat(0x000f)), x0));
        const x1 = v128.load32_splat(x + (v << 4), 4);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.and(w0, i16x8.splat(0x00f0)), x1));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.and(w1, i16x8.splat(0x00f0)), x1));
        const x2 = v128.load32_splat(x + (v << 4), 8);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v128.and(w0, i16x8.splat(0x0f00)), x2));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(v128.and(w1, i16x8.splat(0x0f00)), x2));
        const x3 = v128.load32_splat(x + (v << 4), 12);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(i16x8.shr_u(w0, 12), x3));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(i16x8.shr_u(w1, 12), x3));
      }
      a0 = i32x4.add(a0, i32x4.add(i32x4.shr_s(b0, 4), i32x4.shr_s(c0, 8)));
      a1 = i32x4.add(a1, i32x4.add(i32x4.shr_s(b1, 4), i32x4.shr_s(c1, 8)));
      x += 64;
    }
    // Stored nibbles are the weights plus 8.
    const offset = i32x4.splat(load<i32>(sums) << 3);
    const d = v128.load32_splat(scales);
    f0 = f32x4.add(f0, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(a0, offset)), f32x4.mul(v128.load(w), d)));
    f1 = f32x4.add(f1, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(a1, offset)), f32x4.mul(v128.load(w, 16), d)));
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
}

/** T as in loadFour. */
function tileFloat<T>(w: usize, from: i32, to: i32, x: usize, y: usize): void {
  const bytes = 8 * sizeof<T>();
  let f0 = f32x4.splat(0);
  let f1 = f32x4.splat(0);
  const end = x + <usize>(to << 2);
  w += <usize>from * bytes;
  x += <usize>(from << 2);
  for (; x < end; x += 4, w += bytes) {
    const s = v128.load32_splat(x);
    f0 = f32x4.add(f0, f32x4.mul(loadFour<T>(w), s));
    f1 = f32x4.add(f1, f32x4.mul(loadFour<T>(w + 4 * sizeof<T>()), s));
  }
  v128.store(y, f0);
  v128.store(y, f1, 16);
}
