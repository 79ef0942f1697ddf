/** Q4_0: a block of a file, decoded. */
import { f16ToF32 } from '../../common/wasm';
import { DECODED_CODES, DECODED_SCALE } from '../wasm';

@inline
export function decode(from: usize): void {
  store<f32>(DECODED_SCALE, f16ToF32(load<u16>(from)));
  const pairs = v128.load(from, 2);
  v128.store(DECODED_CODES, v128.and(pairs, i8x16.splat(15)));
  v128.store(DECODED_CODES, i8x16.shr_u(pairs, 4), 16);
}
