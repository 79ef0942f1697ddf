/**
 * The KV cache, in pages: PAGE positions of all KV heads of a layer, a head's keys and then its values behind each other.
 * Both dims are rounded up to a multiple of 4 with zeros; heads whose values are the first of their keys have no values.
 *   f32    K [position / 4][dim][4 positions], so that a lane belongs to a position and q.k is a plain sum over dims;
 *          V [position][valueDim]
 *   int16  bfloat16 scales [PAGE], then K [position / 16][dim / 2][16 positions][2 dims];
 *          bfloat16 scales [PAGE], then V [position / 2][valueDim][2 positions]: pairs as products of int16 take them
 * An int16 is value / scale rounded, where the scale is the largest absolute value of the head's vector over MOST,
 * rounded up.
 */

/** Positions per page of the KV cache. */
export const PAGE: i32 = 32;
/** The largest int16: 64 products with queries of half of it, or 32 with weights as large, add up within int32. */
export const MOST: i32 = 8191;

@inline
export function padded(dim: i32): i32 {
  return (dim + 3) & ~3;
}

/** Bytes of the scales of a head's keys or values in a page of int16. */
const SCALES: i32 = PAGE * 2;

@inline
function partBytes(dim: i32, valueBytes: i32): i32 {
  if (dim == 0) return 0;
  return PAGE * padded(dim) * valueBytes + (valueBytes == 2 ? SCALES : 0);
}

/** Bytes of a KV head in a page; `valueBytes` is 4 for f32, 2 for int16, and `valueDim` 0 where values are in the keys. */
@inline
export function headBytes(dim: i32, valueDim: i32, valueBytes: i32): i32 {
  return partBytes(dim, valueBytes) + partBytes(valueDim, valueBytes);
}

/** Bytes of one page of one layer. */
export function pageBytes(kvHeads: i32, dim: i32, valueDim: i32, valueBytes: i32): i32 {
  return kvHeads * headBytes(dim, valueDim, valueBytes);
}

/** Where a head's values begin, after its keys. */
@inline
export function valuesAt(dim: i32, valueBytes: i32): usize {
  return <usize>partBytes(dim, valueBytes);
}

/** Where the int16 of a part begin, after their scales. */
@inline
export function int16At(part: usize): usize {
  return part + SCALES;
}

/**
 * x [dim] f32 to int16 up to `most`, two bytes each, at `first` and then by pairs `pairStep` apart, the second of a pair
 * `step` after the first. Returns the scale, a bfloat16; NaN where x has one, or an infinity.
 */
export function toInt16(x: usize, dim: i32, most: f32, first: usize, step: usize, pairStep: usize): f32 {
  // Bits of absolute values, compared as integers: the order of the numbers, with NaN above all of them.
  let largest: i32 = 0;
  for (let d = 0; d < dim; d++) largest = max(largest, load<i32>(x + <usize>(d << 2)) & 0x7fffffff);
  const scale = reinterpret<f32>((reinterpret<i32>(reinterpret<f32>(largest) / most) + 0xffff) & ~0xffff);
  // Just above 2^-128 the inverse leaves f32.
  const inverse: f32 = scale > <f32>3e-39 ? <f32>1 / scale : 0;
  const width = padded(dim);
  for (let d = 0; d < width; d += 2, first += pairStep) {
    store<i16>(first, d < dim ? rounded(load<f32>(x + <usize>(d << 2)), inverse) : 0);
    store<i16>(first + step, d + 1 < dim ? rounded(load<f32>(x + <usize>(d << 2), 4), inverse) : 0);
  }
  return largest >= 0x7f800000 ? NaN : scale;
}

@inline
function rounded(value: f32, inverse: f32): i16 {
  return <i16><i32>nearest<f32>(value * inverse);
}

@inline
function storeScale(at: usize, scale: f32): void {
  store<u16>(at, <u16>(reinterpret<u32>(scale) >> 16));
}

@inline
function scaleAt(part: usize, position: i32): f32 {
  return reinterpret<f32>(<u32>load<u16>(part + <usize>(position << 1)) << 16);
}

/** Four scales of a part of a head, from `position` on. */
@inline
export function fourScales(part: usize, position: i32): v128 {
  return i32x4.shl(v128.load_ext<u16>(part + <usize>(position << 1)), 16);
}

/** Where the first int16 of a position's key lies; the second follows, the next two are 64 bytes further. */
@inline
function keyAt(keys: usize, position: i32, width: i32): usize {
  return int16At(keys) + <usize>((((position >> 4) * width) << 5) + ((position & 15) << 2));
}

/** Stores k [dim] and v [valueDim] of one KV head in `slot` (position mod PAGE) of a page. */
export function kvAppend(
  page: usize,
  slot: i32,
  kvHead: i32,
  dim: i32,
  valueDim: i32,
  k: usize,
  v: usize,
  valueBytes: i32,
): void {
  const keys = page + <usize>(kvHead * headBytes(dim, valueDim, valueBytes));
  const values = keys + valuesAt(dim, valueBytes);
  const width = padded(dim);
  if (valueBytes == 4) {
    const four = (slot >> 2) * width << 2;
    for (let d = 0; d < width; d++) {
      const at = keys + <usize>((four + (d << 2) + (slot & 3)) << 2);
      store<f32>(at, d < dim ? load<f32>(k + <usize>(d << 2)) : 0);
    }
    const valueWidth = padded(valueDim);
    for (let d = 0; d < valueWidth; d++) {
      const at = values + <usize>((slot * valueWidth + d) << 2);
      store<f32>(at, d < valueDim ? load<f32>(v + <usize>(d << 2)) : 0);
    }
    return;
  }
  const scale = <usize>(slot << 1);
  storeScale(keys + scale, toInt16(k, dim, <f32>MOST, keyAt(keys, slot, width), 2, 64));
  if (valueDim == 0) return;
  const value = int16At(values) + <usize>((((slot >> 1) * padded(valueDim) << 1) + (slot & 1)) << 1);
  storeScale(values + scale, toInt16(v, valueDim, <f32>MOST, value, 4, 8));
}

/** A head's int16 keys and values in a page as they would lie in a page of f32, at `to`. */
export function widenHead(head: usize, dim: i32, valueDim: i32, to: usize): void {
  const width = padded(dim);
  for (let p = 0; p < PAGE; p++) {
    const scale = scaleAt(head, p);
    const from = keyAt(head, p, width);
    for (let d = 0; d < width; d++) {
      const code = load<i16>(from + <usize>(((d >> 1) << 6) + ((d & 1) << 1)));
      store<f32>(to + <usize>(((((p >> 2) * width + d) << 2) + (p & 3)) << 2), scale * <f32>code);
    }
  }
  if (valueDim == 0) return;
  const values = head + valuesAt(dim, 2);
  const toValues = to + valuesAt(dim, 4);
  const valueWidth = padded(valueDim);
  for (let p = 0; p < PAGE; p++) {
    const scale = scaleAt(values, p);
    const from = int16At(values) + <usize>((((p >> 1) * valueWidth << 1) + (p & 1)) << 1);
    for (let d = 0; d < valueWidth; d++) {
      store<f32>(toValues + <usize>((p * valueWidth + d) << 2), scale * <f32>load<i16>(from + <usize>(d << 2)));
    }
  }
}
