/**
 * The KV cache, in pages: PAGE positions of all KV heads of a layer. A page holds K as
 * [kv head][position / 4][dim][4 positions], so that a lane belongs to a position and q.k is a plain sum over dims, then
 * V as [kv head][position][valueDim]; both dims are rounded up to a multiple of 4 with zeros.
 */
import { f32ToF16 } from '../common/wasm';

/** Positions per page of the KV cache. */
export const PAGE: i32 = 32;

@inline
export function padded(dim: i32): i32 {
  return (dim + 3) & ~3;
}

/** Bytes of one page of one layer; `valueBytes` is 4 for f32, 2 for f16. */
export function pageBytes(kvHeads: i32, dim: i32, valueDim: i32, valueBytes: i32): i32 {
  return kvHeads * PAGE * (padded(dim) + padded(valueDim)) * valueBytes;
}

/** Where a KV head's V begins in a page. */
@inline
export function valuesAt(kvHead: i32, kvHeads: i32, dim: i32, valueDim: i32, valueBytes: i32): usize {
  return <usize>(PAGE * (kvHeads * padded(dim) + kvHead * padded(valueDim)) * valueBytes);
}

@inline
function put<T>(ptr: usize, value: f32): void {
  if (sizeof<T>() == 4) store<f32>(ptr, value);
  else store<u16>(ptr, <u16>f32ToF16(value));
}

function appendAs<T>(
  page: usize,
  slot: i32,
  kvHead: i32,
  kvHeads: i32,
  dim: i32,
  valueDim: i32,
  k: usize,
  v: usize,
): void {
  const width = padded(dim);
  const head = <usize>(PAGE * width) * sizeof<T>();
  let toK = page + <usize>kvHead * head + <usize>(((slot >> 2) * width << 2) + (slot & 3)) * sizeof<T>();
  for (let d = 0; d < width; d++) {
    put<T>(toK, d < dim ? load<f32>(k) : 0);
    k += 4;
    toK += 4 * sizeof<T>();
  }
  const valueWidth = padded(valueDim);
  let toV = page + valuesAt(kvHead, kvHeads, dim, valueDim, <i32>sizeof<T>());
  toV += <usize>(slot * valueWidth) * sizeof<T>();
  for (let d = 0; d < valueWidth; d++) {
    put<T>(toV, d < valueDim ? load<f32>(v) : 0);
    v += 4;
    toV += sizeof<T>();
  }
}

/** Stores k [dim] and v [valueDim] of one KV head in `slot` (position mod PAGE) of a page. */
export function kvAppend(
  page: usize,
  slot: i32,
  kvHead: i32,
  kvHeads: i32,
  dim: i32,
  valueDim: i32,
  k: usize,
  v: usize,
  valueBytes: i32,
): void {
  if (valueBytes == 4) appendAs<f32>(page, slot, kvHead, kvHeads, dim, valueDim, k, v);
  else appendAs<u16>(page, slot, kvHead, kvHeads, dim, valueDim, k, v);
}
