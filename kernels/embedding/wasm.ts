/** One row of a packed weight matrix (see pack) as f32: x [columns] = W[row]. */
import { BLOCK, f16ToF32 } from '../common/wasm';
import { BF16, F16, F32, Q4_0, Q8_0 } from '../types';

export function embedding(type: i32, weights: usize, row: i32, columns: i32, x: usize): void {
  const lane = row & 7;
  const group = <usize>(row >> 3);
  if (type == F32) {
    const w = weights + group * <usize>(columns << 5) + <usize>(lane << 2);
    for (let c = 0; c < columns; c++) store<f32>(x + <usize>(c << 2), load<f32>(w + <usize>(c << 5)));
  } else if (type == F16 || type == BF16) {
    const w = weights + group * <usize>(columns << 4) + <usize>(lane << 1);
    for (let c = 0; c < columns; c++) {
      const h = <u32>load<u16>(w + <usize>(c << 4));
      store<f32>(x + <usize>(c << 2), type == F16 ? f16ToF32(h) : reinterpret<f32>(h << 16));
    }
  } else if (type == Q8_0) {
    const blocks = columns / BLOCK;
    let w = weights + group * <usize>(blocks * 288);
    for (let b = 0; b < blocks; b++, w += 288, x += 128) {
      const d = load<f32>(w + <usize>(lane << 2));
      for (let c = 0; c < BLOCK; c++) {
        const q = load<i8>(w + 32 + <usize>(((c >> 1) << 4) + (lane << 1) + (c & 1)));
        store<f32>(x + <usize>(c << 2), d * <f32>q);
      }
    }
  } else if (type == Q4_0) {
    const blocks = columns / BLOCK;
    let w = weights + group * <usize>(blocks * 160);
    for (let b = 0; b < blocks; b++, w += 160, x += 128) {
      const d = load<f32>(w + <usize>(lane << 2));
      for (let c = 0; c < BLOCK; c++) {
        const at = ((c >> 3) << 5) + ((lane >> 2) << 4) + ((((lane & 3) << 1) + (c & 1)) << 1);
        const q = (<i32>load<u16>(w + 32 + <usize>at) >> (((c >> 1) & 3) << 2)) & 15;
        store<f32>(x + <usize>(c << 2), d * <f32>(q - 8));
      }
    }
  } else {
    unreachable();
  }
}
