/** Reads `bytes` (a multiple of 128) from `ptr` as fast as 128-bit loads go; returns a value so that it is not removed. */
export function readBandwidth(ptr: usize, bytes: usize): i32 {
  let a = i64x2.splat(0), b = a, c = a, d = a;
  for (const end = ptr + bytes; ptr < end; ptr += 128) {
    a = v128.xor(a, v128.xor(v128.load(ptr), v128.load(ptr, 64)));
    b = v128.xor(b, v128.xor(v128.load(ptr, 16), v128.load(ptr, 80)));
    c = v128.xor(c, v128.xor(v128.load(ptr, 32), v128.load(ptr, 96)));
    d = v128.xor(d, v128.xor(v128.load(ptr, 48), v128.load(ptr, 112)));
  }
  return i32x4.extract_lane(v128.xor(v128.xor(a, b), v128.xor(c, d)), 0);
}
