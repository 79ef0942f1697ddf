/** F32: single precision. */
import { Quant } from '../wasm';

@final
export class F32 extends Quant {
  @inline id(): i32 { return 0; }
  @inline block(): i32 { return 1; }
  @inline bytes(): i32 { return 4; }
  @inline four(ptr: usize): v128 { return v128.load(ptr); }
  @inline value(ptr: usize): f32 { return load<f32>(ptr); }
}
