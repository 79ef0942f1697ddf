/** IEEE half precision in software: two of them fit in one 32-bit wavelet. */

const scratch = new ArrayBuffer(4);
const asFloat = new Float32Array(scratch);
const asBits = new Uint32Array(scratch);

/** Every half as a float, so that reading one is a table look-up. */
const HALVES = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits++) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : (1024 + fraction) * 2 ** (exponent - 25);
  HALVES[bits] = bits & 0x8000 ? -magnitude : magnitude;
}

export function halfToFloat(bits: number): number {
  return HALVES[bits & 0xffff]!;
}

/** The nearest half, ties to even, of a number that is first rounded to f32. */
export function floatToHalf(value: number): number {
  asFloat[0] = value;
  const bits = asBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24; adding 0.5 in f32 rounds to exactly that grid.
    asBits[0] = magnitude;
    asFloat[0] = asFloat[0]! + 0.5;
    return sign | (asBits[0]! - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

export function packHalves(low: number, high: number): number {
  return floatToHalf(low) | (floatToHalf(high) << 16);
}

/** Adds two pairs of halves, each sum rounded to half. */
export function addHalves(a: number, b: number): number {
  return packHalves(HALVES[a & 0xffff]! + HALVES[b & 0xffff]!, HALVES[a >>> 16]! + HALVES[b >>> 16]!);
}

/** The greater of each pair of halves. */
export function maxHalves(a: number, b: number): number {
  const low = HALVES[a & 0xffff]! >= HALVES[b & 0xffff]! ? a : b;
  const high = HALVES[a >>> 16]! >= HALVES[b >>> 16]! ? a : b;
  return (low & 0xffff) | (high & 0xffff0000);
}
