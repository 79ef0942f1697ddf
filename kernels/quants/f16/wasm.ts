/** F16: IEEE half precision; finite, as loadFour wants it. */
import { f16ToF32, loadFour } from '../../common/wasm';
import { Quant } from '../wasm';

@final
export class F16 extends Quant {
  @inline id(): i32 { return 1; }
  @inline block(): i32 { return 1; }
  @inline bytes(): i32 { return 2; }
  @inline four(ptr: usize): v128 { return loadFour<u16>(ptr); }
  @inline value(ptr: usize): f32 { return f16ToF32(load<u16>(ptr)); }
}
