/**
 * From a file's rows to the layout that the matmul kernels stream: groups of eight rows, a SIMD lane per row,
 * one contiguous run per group. Called on eight raw rows at a time (fewer at the end: the rest become zeros).
 *
 * Q8_0  per block: 8 f32 scales, then 16 column pairs of [row 0 c0 c1, row 1 c0 c1, ... row 7 c0 c1] int8
 * Q4_0  per block: 8 f32 scales, then 4 vectors of rows 0-3 and rows 4-7 by turns; 16-bit lane l of vector v holds
 *       row l/2, columns 8v + 2n + (l mod 2) in its nibbles n = 0..3, low first
 * F32, F16, BF16  per column: 8 values, one per row
 */
import { BLOCK, f16ToF32 } from '../common/wasm';

/** `rows` raw Q8_0 rows at `src`, `rowBytes` apart, into one group at `dst`. */
export function packQ8_0(src: usize, rowBytes: i32, rows: i32, blocks: i32, dst: usize): void {
  memory.fill(dst, 0, <usize>(blocks * 288));
  for (let r = 0; r < rows; r++) {
    let from = src + <usize>(r * rowBytes);
    let to = dst;
    for (let b = 0; b < blocks; b++) {
      store<f32>(to + <usize>(r << 2), f16ToF32(load<u16>(from)));
      for (let j = 0; j < BLOCK >> 1; j++) {
        store<u16>(to + 32 + <usize>((j << 4) + (r << 1)), load<u16>(from + 2 + <usize>(j << 1)));
      }
      from += 34;
      to += 288;
    }
  }
}

/** The nibble of column `c` in a raw Q4_0 block's 16 bytes: first half low, second half high. */
@inline
function nibble(quants: usize, c: i32): u32 {
  const byte = <u32>load<u8>(quants + <usize>(c & 15));
  return c < 16 ? byte & 15 : byte >> 4;
}

/** `rows` raw Q4_0 rows at `src`, `rowBytes` apart, into one group at `dst`. */
export function packQ4_0(src: usize, rowBytes: i32, rows: i32, blocks: i32, dst: usize): void {
  memory.fill(dst, 0, <usize>(blocks * 160));
  for (let r = 0; r < rows; r++) {
    let from = src + <usize>(r * rowBytes);
    let to = dst;
    for (let b = 0; b < blocks; b++) {
      store<f32>(to + <usize>(r << 2), f16ToF32(load<u16>(from)));
      for (let v = 0; v < 4; v++) {
        for (let odd = 0; odd < 2; odd++) {
          let lane: u32 = 0;
          for (let n = 0; n < 4; n++) lane |= nibble(from + 2, 8 * v + 2 * n + odd) << (4 * n);
          store<u16>(to + 32 + <usize>((v << 5) + ((r >> 2) << 4) + ((((r & 3) << 1) + odd) << 1)), <u16>lane);
        }
      }
      from += 18;
      to += 160;
    }
  }
}

/** `rows` raw rows of 2-byte values into one group at `dst`. */
export function pack16(src: usize, rowBytes: i32, rows: i32, columns: i32, dst: usize): void {
  memory.fill(dst, 0, <usize>(columns * 16));
  for (let r = 0; r < rows; r++) {
    const from = src + <usize>(r * rowBytes);
    for (let c = 0; c < columns; c++) {
      store<u16>(dst + <usize>((c << 4) + (r << 1)), load<u16>(from + <usize>(c << 1)));
    }
  }
}

/** `rows` raw rows of f32 into one group at `dst`. */
export function pack32(src: usize, rowBytes: i32, rows: i32, columns: i32, dst: usize): void {
  memory.fill(dst, 0, <usize>(columns * 32));
  for (let r = 0; r < rows; r++) {
    const from = src + <usize>(r * rowBytes);
    for (let c = 0; c < columns; c++) {
      store<u32>(dst + <usize>((c << 5) + (r << 2)), load<u32>(from + <usize>(c << 2)));
    }
  }
}

