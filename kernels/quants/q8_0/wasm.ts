/** Q8_0: a block of a file, decoded. */
import { f16ToF32 } from '../../common/wasm';
import { DECODED_CODES, DECODED_SCALE } from '../wasm';

@inline
export function decode(from: usize): void {
  store<f32>(DECODED_SCALE, f16ToF32(load<u16>(from)));
  for (let i: usize = 0; i < 32; i += 16) {
    v128.store(DECODED_CODES + i, v128.xor(v128.load(from + i, 2), i8x16.splat(-128)));
  }
}
