/** Q8_0: a block of a file, decoded. */
import { scaleAt } from '../decode.wasm';
import { DECODED_CODES } from '../wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from);
  for (let i: usize = 0; i < 32; i += 16) {
    v128.store(DECODED_CODES + i, v128.xor(v128.load(from + i, 2), i8x16.splat(-128)));
  }
}
