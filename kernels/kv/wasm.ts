/**
 * The KV cache, in pages: PAGE positions of all KV heads of a layer. A page holds K as
 * [kv head][position / 4][dim][4 positions], so that a lane belongs to a position and q.k is a plain sum over dims, then
 * V as [kv head][position][dim]; dim is rounded up to a multiple of 4 with zeros.
 */
import { f32ToF16 } from '../common/wasm';

/** Positions per page of the KV cache. */
export const PAGE: i32 = 32;

@inline
export function padded(dim: i32): i32 {
  return (dim + 3) & ~3;
}

/** Bytes of one page of one layer; `valueBytes` is 4 for f32, 2 for f16. */
export function pageBytes(kvHeads: i32, dim: i32, valueBytes: i32): i32 {
  return 2 * kvHeads * PAGE * padded(dim) * valueBytes;
}

@inline
function put<T>(ptr: usize, value: f32): void {
  if (sizeof<T>() == 4) store<f32>(ptr, value);
  else store<u16>(ptr, <u16>f32ToF16(value));
}

function appendAs<T>(page: usize, slot: i32, kvHead: i32, kvHeads: i32, dim: i32, k: usize, v: usize): void {
  const width = padded(dim);
  const head = <usize>(PAGE * width) * sizeof<T>();
  let toK = page + <usize>kvHead * head + <usize>(((slot >> 2) * width << 2) + (slot & 3)) * sizeof<T>();
  let toV = page + <usize>(kvHeads + kvHead) * head + <usize>(slot * width) * sizeof<T>();
  for (let d = 0; d < width; d++) {
    put<T>(toK, d < dim ? load<f32>(k) : 0);
    put<T>(toV, d < dim ? load<f32>(v) : 0);
    k += 4;
    v += 4;
    toK += 4 * sizeof<T>();
    toV += sizeof<T>();
  }
}

/** Stores k and v [dim] of one KV head in `slot` (position mod PAGE) of a page. */
export function kvAppend(
  page: usize,
  slot: i32,
  kvHead: i32,
  kvHeads: i32,
  dim: i32,
  k: usize,
  v: usize,
  valueBytes: i32,
): void {
  if (valueBytes == 4) appendAs<f32>(page, slot, kvHead, kvHeads, dim, k, v);
  else appendAs<u16>(page, slot, kvHead, kvHeads, dim, k, v);
}
