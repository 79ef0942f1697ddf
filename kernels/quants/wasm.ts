/**
 * What the kernels ask of a quantisation, how a group of eight rows lies packed, and the generic parts of packing and
 * reading it. A quantisation is a stateless final class, written by dispatch.js from what quant.ts says: `changetype<Q>(0)`
 * is its one instance, so its methods compile to constants and straight code. Methods that most types do without are left out and asked for with `isDefined`; they
 * must not be inherited, because a method that a sibling overrides is called through an object's header.
 *
 * A block type is codes (unsigned integers), an offset that is taken off them, an f32 scale per block and, in some types,
 * an f32 min per block, and an integer scale and an integer min per span. An element is
 * (scale * spanScale) * (code - offset) - (min * spanMin), each operation rounded to f32; the scale products are exact.
 *
 * Packed: per block of eight rows [8 f32 scales][8 f32 mins] and then per span of 16 or 32 columns
 * [8 int8 span scales][8 uint8 span mins][codes]. Codes, for rows 0-3 and 4-7 by turns, 16 bytes each:
 *   1, 2, 5, 6 bits  first a plane of the high bits (all bits of 1 and 2): a byte per row and two columns or more
 *   4, 5, 6 bits     per eight columns the low nibbles of columns [0 4 1 5], high nibbles of [2 6 3 7], a row after the other
 *   8 bits           per eight columns bytes of columns [0 4 1 5], then of [2 6 3 7]; in the plain builds int8 of column
 *                    pairs, [row 0 c0 c1, row 1 c0 c1, ... row 7 c0 c1]
 * Float types: per column eight values, one per row.
 */
import { IS_EMULATED, VARIANT } from './variant';
import { PLAIN, RELAXED, S8S8, U8S8 } from './variants';

export abstract class Quant {
  /** ggml's number of the type. */
  abstract id(): i32;
  /** Columns of a block, and its bytes in a file. */
  abstract block(): i32;
  abstract bytes(): i32;
}
// Further methods. Of float types:
//   four(ptr: usize): v128        four packed values at `ptr` as f32
//   value(ptr: usize): f32        one of them, exactly
// Of block types:
//   span(): i32                   columns with a scale of their own, 16 or 32
//   bits(): i32                   of a packed code
//   most(): i32                   the largest that a code, or its entry in the table, can be
//   offset(): i32                 what is taken off it
//   mins(): void                  where there, blocks have mins
//   scales(): void                where there, spans have scales, and mins if blocks have
//   table(): v128                 where there, what a code of up to four bits stands for
//   decode(from: usize): void     where there, a block of a file into DECODED; else the codec does it

/** A decoded block: f32 scale and min, then int8 and uint8 of each span, then codes. */
const DECODED = memory.data(320, 16);
export const DECODED_SCALE = DECODED;
export const DECODED_MIN = DECODED + 4;
export const DECODED_SCALES = DECODED + 16;
export const DECODED_MINS = DECODED + 32;
export const DECODED_CODES = DECODED + 64;

/** Where a codec leaves a block for `place`. */
export function decoded(): usize {
  return DECODED;
}

@inline
export function hasMins<Q extends Quant>(q: Q): bool {
  return isDefined(q.mins);
}

@inline
export function hasScales<Q extends Quant>(q: Q): bool {
  return isDefined(q.scales);
}

/** Whether products take int8 activations. In conditions `isDefined(q.span)` stands itself: it must not be called. */
export function isBlockTypeOf<Q extends Quant>(q: Q): i32 {
  return isDefined(q.span) ? 1 : 0;
}

/** How products of this type are made in this build: ADD for both variants that add up in int32. */
export const ADD: i32 = U8S8;

@inline
export function formOf<Q extends Quant>(q: Q): i32 {
  if (VARIANT == U8S8 || VARIANT == S8S8) return ADD;
  return VARIANT == RELAXED && q.most() < 128 ? RELAXED : PLAIN;
}

/** Pairs of products of int8 and seven bits, in int16. */
@inline
export function relaxedPairs(x: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(x, codes);
  else return codes;
}

/** `acc` plus sums of four products, int8 times what this build's variant takes. */
@inline
export function relaxedAdd(x: v128, codes: v128, acc: v128): v128 {
  if (IS_EMULATED) return emulatedAdd(x, codes, acc);
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, codes, acc);
  else return codes;
}

/** What relaxedAdd means, for tests on processors without it. */
function emulatedAdd(x: v128, codes: v128, acc: v128): v128 {
  const low = VARIANT == S8S8 ? i16x8.extend_low_i8x16_s(codes) : i16x8.extend_low_i8x16_u(codes);
  const high = VARIANT == S8S8 ? i16x8.extend_high_i8x16_s(codes) : i16x8.extend_high_i8x16_u(codes);
  const a = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(x), low);
  const b = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(x), high);
  const even = i32x4.shuffle(a, b, 0, 2, 4, 6);
  return i32x4.add(acc, i32x4.add(even, i32x4.shuffle(a, b, 1, 3, 5, 7)));
}

/** Bytes are stored, and tables hold, code - 128 where the products take them as signed. */
@inline
export function isSigned8<Q extends Quant>(q: Q): bool {
  return q.most() > 127 && (VARIANT == S8S8 || (q.bits() == 8 && formOf<Q>(q) == PLAIN));
}

/** What is taken off a code as it is stored or comes out of the table. */
@inline
export function storedOffset<Q extends Quant>(q: Q): i32 {
  return isSigned8<Q>(q) ? q.offset() - 128 : q.offset();
}

/** Bytes before the spans of a packed block. */
@inline
export function headBytes<Q extends Quant>(q: Q): i32 {
  return hasMins<Q>(q) ? 64 : 32;
}

/** Bytes before the codes of a packed span. */
@inline
export function spanHeadBytes<Q extends Quant>(q: Q): i32 {
  return hasScales<Q>(q) ? (hasMins<Q>(q) ? 16 : 8) : 0;
}

@inline
export function planeBytes<Q extends Quant>(q: Q): i32 {
  return q.bits() == 4 || q.bits() == 8 ? 0 : 32;
}

@inline
export function spanBytes<Q extends Quant>(q: Q): i32 {
  return spanHeadBytes<Q>(q) + q.bits() * q.span();
}

/** Bytes of a packed block of eight rows. */
@inline
export function packedBytes<Q extends Quant>(q: Q): i32 {
  if (isDefined(q.span)) return headBytes<Q>(q) + (q.block() / q.span()) * spanBytes<Q>(q);
  else return q.bytes() << 3;
}

export function groupBytesOf<Q extends Quant>(q: Q, columns: i32): i32 {
  return (columns / q.block()) * packedBytes<Q>(q);
}

/** Four int8 of `columns` [0 4 1 5] of an eight from its vector and plane. */
@inline
export function lowCodes<Q extends Quant>(q: Q, n: v128, plane: v128): v128 {
  const bits = q.bits();
  if (bits == 8) return n;
  let code: v128;
  if (bits == 1) code = v128.and(plane, i8x16.splat(1));
  else if (bits == 2) code = v128.and(plane, i8x16.splat(3));
  else {
    code = v128.and(n, i8x16.splat(15));
    if (bits > 4) code = v128.or(code, v128.and(i16x8.shl(plane, 4), i8x16.splat(bits == 5 ? 0x10 : 0x30)));
  }
  return lookUp<Q>(q, code);
}

/** Those of columns [2 6 3 7]; `n` is the same vector, or the second one of bytes. */
@inline
export function highCodes<Q extends Quant>(q: Q, n: v128, plane: v128): v128 {
  const bits = q.bits();
  if (bits == 8) return n;
  let code: v128;
  if (bits == 1) code = v128.and(i16x8.shr_u(plane, 1), i8x16.splat(1));
  else if (bits == 2) code = v128.and(i16x8.shr_u(plane, 2), i8x16.splat(3));
  else {
    code = v128.and(i16x8.shr_u(n, 4), i8x16.splat(15));
    if (bits == 5) code = v128.or(code, v128.and(i16x8.shl(plane, 3), i8x16.splat(0x10)));
    if (bits == 6) code = v128.or(code, v128.and(i16x8.shl(plane, 2), i8x16.splat(0x30)));
  }
  return lookUp<Q>(q, code);
}

@inline
function lookUp<Q extends Quant>(q: Q, code: v128): v128 {
  if (isDefined(q.table)) {
    const table = isSigned8<Q>(q) ? v128.xor(q.table(), i8x16.splat(-128)) : q.table();
    if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, code);
    else return i8x16.swizzle(table, code);
  } else return code;
}

/** The plane for the next eight columns. */
@inline
export function nextPlane<Q extends Quant>(q: Q, plane: v128): v128 {
  if (q.bits() == 1 || q.bits() == 5) return i16x8.shr_u(plane, 2);
  if (q.bits() == 2 || q.bits() == 6) return i16x8.shr_u(plane, 4);
  return plane;
}

/** Bytes from the vector of columns [0 4 1 5] to that of [2 6 3 7], and from one eight columns to the next. */
@inline
export function highStep<Q extends Quant>(q: Q): usize {
  return q.bits() == 8 ? 32 : 0;
}

@inline
export function eightBytes<Q extends Quant>(q: Q): usize {
  return q.bits() == 8 ? 64 : q.bits() >= 4 ? 32 : 0;
}

/** The integers of eight int8 at `ptr` times four scales, lanes 0-3 or 4-7. */
@inline
export function scaledLow(ptr: usize, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v128.load_ext<i8>(ptr))), scale);
}

@inline
export function scaledHigh(ptr: usize, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v128.load_ext<i8>(ptr))), scale);
}

/**
 * `rows` rows of a file, `rowBytes` apart, to one packed group at `dst`; rows after the last become zeros. One thread at
 * a time: blocks are decoded at one place. 0 where only zeros are written, since the caller has to decode and `place`.
 */
export function packOf<Q extends Quant>(q: Q, src: usize, rowBytes: i32, rows: i32, columns: i32, dst: usize): i32 {
  memory.fill(dst, 0, groupBytesOf<Q>(q, columns));
  if (isDefined(q.span)) {
    if (!isDefined(q.decode)) return 0;
  }
  const blocks = columns / q.block();
  for (let r = 0; r < rows; r++) {
    let from = src + <usize>(r * rowBytes);
    let to = dst;
    for (let b = 0; b < blocks; b++, from += q.bytes(), to += packedBytes<Q>(q)) {
      if (isDefined(q.decode)) {
        q.decode(from);
        placeOf<Q>(q, to, r);
      } else if (q.bytes() == 4) {
        store<u32>(to + <usize>(r << 2), load<u32>(from));
      } else {
        store<u16>(to + <usize>(r << 1), load<u16>(from));
      }
    }
  }
  return 1;
}

/** The decoded block as row `r` of the packed block at `to`, which is zeros there. */
export function placeOf<Q extends Quant>(q: Q, to: usize, r: i32): void {
  if (isDefined(q.span)) placeBlock<Q>(q, to, r);
}

function placeBlock<Q extends Quant>(q: Q, to: usize, r: i32): void {
  store<f32>(to + <usize>(r << 2), load<f32>(DECODED_SCALE));
  if (hasMins<Q>(q)) store<f32>(to + 32 + <usize>(r << 2), load<f32>(DECODED_MIN));
  to += headBytes<Q>(q);
  const spans = q.block() / q.span();
  for (let s = 0; s < spans; s++, to += spanBytes<Q>(q)) {
    if (hasScales<Q>(q)) {
      store<u8>(to + r, load<u8>(DECODED_SCALES + s));
      if (hasMins<Q>(q)) store<u8>(to + 8 + r, load<u8>(DECODED_MINS + s));
    }
    placeCodes<Q>(q, to + spanHeadBytes<Q>(q), r, DECODED_CODES + <usize>(s * q.span()));
  }
}

/** Where in an eight's two vectors a column of it lies: 0 to 3 in that of [0 4 1 5], 4 to 7 in that of [2 6 3 7]. */
@inline
function laneOf(c: i32): i32 {
  return ((c & 3) << 1) | ((c >> 2) & 1);
}

/** A span's codes of row `r`, 16 columns at a time: the first halves of two eights, then their second halves. */
@inline
function placeCodes<Q extends Quant>(q: Q, to: usize, r: i32, codes: usize): void {
  const bits = q.bits();
  // In a vector of 16 bytes, after those of the rows before.
  const row = <usize>(((r >> 2) << 4) + ((r & 3) << 2));
  const width = bits == 5 || bits == 1 ? 1 : 2;
  let plane: u32 = 0;
  for (let c = 0; c < q.span(); c += 16, codes += 16) {
    let code = v128.load(codes);
    if (bits == 8) {
      if (isSigned8<Q>(q)) code = v128.xor(code, i8x16.splat(-128));
      if (formOf<Q>(q) == PLAIN) placePairs(to + <usize>(c << 3) + <usize>(r << 1), code);
    }
    const turned = i8x16.shuffle(code, code, 0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15);
    if (bits == 8 && formOf<Q>(q) != PLAIN) {
      const at = to + <usize>(c << 3) + row;
      v128.store32_lane(at, turned, 0);
      v128.store32_lane(at, turned, 2, 32);
      v128.store32_lane(at, turned, 1, 64);
      v128.store32_lane(at, turned, 3, 96);
    }
    if (bits == 8) continue;
    if (bits >= 4) {
      const low = v128.and(turned, i8x16.splat(15));
      const both = i64x2.extract_lane(low, 0) | (i64x2.extract_lane(low, 1) << 4);
      const at = to + planeBytes<Q>(q) + <usize>(c << 2) + row;
      store<u32>(at, <u32>both);
      store<u32>(at, <u32>(both >> 32), 32);
    }
    if (bits == 4) continue;
    const high = bits > 4 ? i8x16.shr_u(turned, 4) : turned;
    const shift = (c >> 2) * width;
    plane |= <u32>i32x4.extract_lane(high, 0) << shift;
    plane |= <u32>i32x4.extract_lane(high, 2) << (shift + width);
    plane |= <u32>i32x4.extract_lane(high, 1) << (shift + 2 * width);
    plane |= <u32>i32x4.extract_lane(high, 3) << (shift + 3 * width);
  }
  if (planeBytes<Q>(q) > 0) store<u32>(to + row, plane);
}

/** Eight pairs of columns, 16 bytes apart. */
@inline
function placePairs(to: usize, codes: v128): void {
  v128.store16_lane(to, codes, 0);
  v128.store16_lane(to, codes, 1, 16);
  v128.store16_lane(to, codes, 2, 32);
  v128.store16_lane(to, codes, 3, 48);
  v128.store16_lane(to, codes, 4, 64);
  v128.store16_lane(to, codes, 5, 80);
  v128.store16_lane(to, codes, 6, 96);
  v128.store16_lane(to, codes, 7, 112);
}

@inline
function pairByte(r: i32, c: i32): usize {
  return <usize>(((c >> 1) << 4) + (r << 1) + (c & 1));
}

@inline
function codeAt<Q extends Quant>(q: Q, codes: usize, r: i32, c: i32): i32 {
  const bits = q.bits();
  const place = laneOf(c);
  const byte = <usize>(((r >> 2) << 4) + ((r & 3) << 2) + (place & 3));
  const eight = <usize>(c >> 3) * eightBytes<Q>(q);
  if (bits == 8) {
    const at = formOf<Q>(q) == PLAIN ? pairByte(r, c) : eight + <usize>((place >> 2) << 5) + byte;
    const code = <i32>load<u8>(codes + at);
    return isSigned8<Q>(q) ? code ^ 128 : code;
  }
  let high = 0;
  if (bits != 4) {
    const width = bits == 5 || bits == 1 ? 1 : 2;
    const shift = (((c >> 3) << 1) + (place >> 2)) * width;
    high = (<i32>load<u8>(codes + byte) >> shift) & ((1 << width) - 1);
    codes += planeBytes<Q>(q);
  }
  if (bits < 4) return high;
  return (high << 4) | ((<i32>load<u8>(codes + eight + byte) >> ((place >> 2) << 2)) & 15);
}

/** x [columns] = row `row` of the packed matrix at `w`, with the bits of the file's own formula. */
export function rowOf<Q extends Quant>(q: Q, w: usize, row: i32, columns: i32, x: usize): void {
  const lane = row & 7;
  w += <usize>(row >> 3) * <usize>groupBytesOf<Q>(q, columns);
  if (isDefined(q.span)) rowOfBlocks<Q>(q, w, lane, columns, x);
  else {
    w += <usize>(lane * q.bytes());
    for (const end = x + <usize>(columns << 2); x < end; x += 4, w += packedBytes<Q>(q)) store<f32>(x, q.value(w));
  }
}

function rowOfBlocks<Q extends Quant>(q: Q, w: usize, lane: i32, columns: i32, x: usize): void {
  const end = x + <usize>(columns << 2);
  const spans = q.block() / q.span();
  while (x < end) {
    const scale = load<f32>(w + <usize>(lane << 2));
    const least: f32 = hasMins<Q>(q) ? load<f32>(w + 32 + <usize>(lane << 2)) : 0;
    w += headBytes<Q>(q);
    for (let s = 0; s < spans; s++, w += spanBytes<Q>(q)) {
      const d: f32 = hasScales<Q>(q) ? scale * <f32>load<i8>(w + lane) : scale;
      const m: f32 = hasScales<Q>(q) && hasMins<Q>(q) ? least * <f32>load<u8>(w + 8 + lane) : least;
      for (let c = 0; c < q.span(); c++, x += 4) {
        let code = codeAt<Q>(q, w + spanHeadBytes<Q>(q), lane, c);
        if (isDefined(q.table)) code = entryOf(q.table(), code);
        const value: f32 = d * <f32>(code - q.offset());
        store<f32>(x, hasMins<Q>(q) ? value - m : value);
      }
    }
  }
}

@inline
function entryOf(table: v128, code: i32): i32 {
  return <i32>i8x16.extract_lane_u(i8x16.swizzle(table, i8x16.splat(<i8>code)), 0);
}
