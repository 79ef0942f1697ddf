/**
 * A module of its own for trials at start: what relaxed SIMD's products of int8 mean on this engine, which the
 * specification leaves open, and how fast each way to multiply is.
 */

/** Four int8 times four bytes, added to `acc`. */
export function add(x: i32, codes: i32, acc: i32): i32 {
  return i32x4.extract_lane(
    i32x4.relaxed_dot_i8x16_i7x16_add_s(i32x4.splat(x), i32x4.splat(codes), i32x4.splat(acc)),
    0,
  );
}

/** The first two int8 times two bytes, in int16. */
export function pairs(x: i32, codes: i32): i32 {
  return i16x8.extract_lane_s(i16x8.relaxed_dot_i8x16_i7x16_s(i32x4.splat(x), i32x4.splat(codes)), 0);
}

/** Multiplies 128 bytes of codes `times` times as the kernels of a variant do; the result keeps the work alive. */
export function rateOfPlain(ptr: usize, times: i32): i32 {
  let a = i32x4.splat(0), b = a, c = a, d = a;
  for (let i = 0; i < times; i++) {
    for (let p = ptr; p < ptr + 128; p += 32) {
      const x = v128.load32_splat(p);
      const y = v128.load32_splat(p, 4);
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load_ext<i8>(p), x));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 8), x));
      c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 16), y));
      d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 24), y));
    }
  }
  return i32x4.extract_lane(i32x4.add(i32x4.add(a, b), i32x4.add(c, d)), 0);
}

export function rateOfPairs(ptr: usize, times: i32): i32 {
  let a = i16x8.splat(0), b = a, c = a, d = a;
  for (let i = 0; i < times; i++) {
    for (let p = ptr; p < ptr + 128; p += 64) {
      const x = v128.load32_splat(p);
      a = i16x8.add(a, i16x8.relaxed_dot_i8x16_i7x16_s(x, v128.load(p)));
      b = i16x8.add(b, i16x8.relaxed_dot_i8x16_i7x16_s(x, v128.load(p, 16)));
      c = i16x8.add(c, i16x8.relaxed_dot_i8x16_i7x16_s(x, v128.load(p, 32)));
      d = i16x8.add(d, i16x8.relaxed_dot_i8x16_i7x16_s(x, v128.load(p, 48)));
    }
  }
  return i16x8.extract_lane_s(i16x8.add(i16x8.add(a, b), i16x8.add(c, d)), 0);
}

export function rateOfAdd(ptr: usize, times: i32): i32 {
  let a = i32x4.splat(0), b = a, c = a, d = a;
  for (let i = 0; i < times; i++) {
    for (let p = ptr; p < ptr + 128; p += 64) {
      const x = v128.load32_splat(p);
      a = i32x4.relaxed_dot_i8x16_i7x16_add_s(x, v128.load(p), a);
      b = i32x4.relaxed_dot_i8x16_i7x16_add_s(x, v128.load(p, 16), b);
      c = i32x4.relaxed_dot_i8x16_i7x16_add_s(x, v128.load(p, 32), c);
      d = i32x4.relaxed_dot_i8x16_i7x16_add_s(x, v128.load(p, 48), d);
    }
  }
  return i32x4.extract_lane(i32x4.add(i32x4.add(a, b), i32x4.add(c, d)), 0);
}
