/** BF16: the upper half of single precision. */
import { loadFour } from '../../common/wasm';
import { Quant } from '../wasm';

@final
export class BF16 extends Quant {
  @inline id(): i32 { return 30; }
  @inline block(): i32 { return 1; }
  @inline bytes(): i32 { return 2; }
  @inline four(ptr: usize): v128 { return loadFour<i16>(ptr); }
  @inline value(ptr: usize): f32 { return reinterpret<f32>(<u32>load<u16>(ptr) << 16); }
}
