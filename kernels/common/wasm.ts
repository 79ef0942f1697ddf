/**
 * What kernels share: half floats, the project's own exp, and the layout constants.
 * Everything here is bit-exact on every engine: only IEEE add, mul, div, sqrt, round and integer operations.
 */

/** Rows per packed group: two vectors of four lanes, so that a lane belongs to a row. */
export const GROUP_ROWS: i32 = 8;
/** Columns per quantisation block (ggml's QK8_0 and QK4_0). */
export const BLOCK: i32 = 32;

/** IEEE half to single, exact: subnormals, infinities and NaN included. */
export function f16ToF32(h: u32): f32 {
  const magnitude = reinterpret<f32>((h & 0x7fff) << 13) * reinterpret<f32>(0x77800000); // * 2^112
  let bits = reinterpret<u32>(magnitude);
  if (bits >= 0x47800000) bits |= 0x7f800000; // 65536 and above stand for infinity and NaN
  return reinterpret<f32>(bits | ((h & 0x8000) << 16));
}

/** Single to half, round to nearest even; overflow becomes infinity, NaN stays NaN. */
export function f32ToF16(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  const sign = (bits >> 16) & 0x8000;
  let magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal half: adding 0.5 leaves the rounded value in the low bits (0.5 has the weight of 2^-24 there).
    const shifted = reinterpret<u32>(reinterpret<f32>(magnitude) + <f32>0.5);
    return sign | (shifted - 0x3f000000);
  }
  magnitude += 0x00000fff + ((magnitude >> 13) & 1);
  return sign | ((magnitude - 0x38000000) >> 13);
}

/**
 * Four values at `ptr` to four singles: T is f32, u16 for halves, i16 for bfloat16. Halves must be finite: infinity
 * comes out as 65536 and NaN above that, because a test for them would halve the speed of this load.
 */
@inline
export function loadFour<T>(ptr: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(ptr);
  if (isSigned<T>()) return i32x4.shl(v128.load_ext<u16>(ptr), 16);
  // As f16ToF32, the sign carried along: sign extension fills bits 31 to 28, of which 31 stays.
  const h = v128.and(i32x4.shl(v128.load_ext<i16>(ptr), 13), i32x4.splat(0x8fffffff));
  return f32x4.mul(h, f32x4.splat(reinterpret<f32>(0x77800000)));
}

/**
 * exp of four lanes, relative error below 2e-7 on [-87, 88], 0 below -87.3, e^88 above 88.
 * Cody-Waite reduction and the degree-5 polynomial of Cephes' expf (Moshier, public domain).
 */
@inline
export function expF32x4(x: v128): v128 {
  const clamped = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88.0)), f32x4.splat(-87.3));
  const n = expExponent(clamped);
  return v128.andnot(f32x4.mul(expMantissa(clamped, n), powerOfTwo(n)), f32x4.lt(x, f32x4.splat(-87.3)));
}

/** The whole power of two next to e^x. */
@inline
export function expExponent(x: v128): v128 {
  return f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
}

/** e^x / 2^n for the n of expExponent. Bounds matter only for |x| above 10,000, where x itself is as uncertain. */
@inline
export function expMantissa(x: v128, n: v128): v128 {
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  r = f32x4.pmax(f32x4.pmin(r, f32x4.splat(0.35)), f32x4.splat(-0.35));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  return f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1.0));
}

/** 2^n for whole n from -126 to 127. */
@inline
export function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
}

/** Four interleaved partial sums become one: (s0 + s1) + (s2 + s3). */
@inline
export function sumLanes(s: v128): f32 {
  return (
    f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3))
  );
}

/**
 * Folds partial vectors of `lanes * 4` floats in the plan's order. A fold table is i32 words:
 * [tiles, end of tile 0, ..., end of tile n-1, steps, into, from, into, from, ..., root].
 * `partials` holds tile t at t * lanes * 16 bytes. Returns the address of the result.
 */
export function foldPartials(table: usize, partials: usize, lanes: i32): usize {
  const tiles = load<i32>(table);
  let p = table + <usize>((1 + tiles) << 2);
  const steps = load<i32>(p);
  p += 4;
  const stride = lanes << 4;
  for (let s = 0; s < steps; s++) {
    const into = partials + <usize>(load<i32>(p) * stride);
    const from = partials + <usize>(load<i32>(p, 4) * stride);
    for (let i: usize = 0; i < <usize>stride; i += 16) {
      v128.store(into + i, f32x4.add(v128.load(into + i), v128.load(from + i)));
    }
    p += 8;
  }
  return partials + <usize>(load<i32>(p) * stride);
}
