/** Q4_0: 32 nibbles, 8 taken off, under an f16 scale. */
import { f16ToF32 } from '../../common/wasm';
import { DECODED_CODES, DECODED_SCALE, Quant } from '../wasm';

@final
export class Q4_0 extends Quant {
  @inline id(): i32 { return 2; }
  @inline block(): i32 { return 32; }
  @inline bytes(): i32 { return 18; }
  @inline span(): i32 { return 32; }
  @inline bits(): i32 { return 4; }
  @inline most(): i32 { return 15; }
  @inline offset(): i32 { return 8; }

  @inline decode(from: usize): void {
    store<f32>(DECODED_SCALE, f16ToF32(load<u16>(from)));
    const pairs = v128.load(from, 2);
    v128.store(DECODED_CODES, v128.and(pairs, i8x16.splat(15)));
    v128.store(DECODED_CODES, i8x16.shr_u(pairs, 4), 16);
  }
}
