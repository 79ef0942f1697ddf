/** Q8_0: 32 int8 under an f16 scale. */
import { f16ToF32 } from '../../common/wasm';
import { DECODED_CODES, DECODED_SCALE, Quant } from '../wasm';

@final
export class Q8_0 extends Quant {
  @inline id(): i32 { return 8; }
  @inline block(): i32 { return 32; }
  @inline bytes(): i32 { return 34; }
  @inline span(): i32 { return 32; }
  @inline bits(): i32 { return 8; }
  @inline most(): i32 { return 255; }
  @inline offset(): i32 { return 128; }

  @inline decode(from: usize): void {
    store<f32>(DECODED_SCALE, f16ToF32(load<u16>(from)));
    for (let i: usize = 0; i < 32; i += 16) {
      v128.store(DECODED_CODES + i, v128.xor(v128.load(from + i, 2), i8x16.splat(-128)));
    }
  }
}
