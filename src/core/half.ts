/** Conversions between numbers and the bits of half precision and bfloat16. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The bits of a number as IEEE half precision, rounded to nearest, ties to even. */
export function toF16(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200 | (mantissa >>> 13));
  const e = exponent - 112;
  if (e >= 31) return sign | 0x7c00;
  if (e <= 0) {
    if (e < -10) return sign;
    const full = mantissa | 0x800000;
    return sign | roundShift(full, 14 - e);
  }
  // A mantissa that rounds up to 1024 carries into the exponent, as it should; the largest become infinity.
  return sign | ((e << 10) + roundShift(mantissa, 13));
}

/** `value / 2^shift`, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const half = 1 << (shift - 1);
  const rest = value & ((1 << shift) - 1);
  const down = value >>> shift;
  return rest > half || (rest === half && (down & 1) === 1) ? down + 1 : down;
}

/** The number that half-precision bits stand for. */
export function fromF16(bits: number): number {
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** The bits of a number as bfloat16, rounded to nearest, ties to even; a NaN stays one. */
export function toBf16(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 64;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The number that bfloat16 bits stand for. */
export function fromBf16(bits: number): number {
  u32[0] = bits << 16;
  return f32[0]!;
}
