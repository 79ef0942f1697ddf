/** Q5_0: a block of a file, decoded. */
import { fifthBitsAt, nibblesAt, scaleAt } from '../decode.wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from);
  nibblesAt(from + 6, 0, 16);
  fifthBitsAt(from + 2, 0);
  fifthBitsAt(from + 4, 16);
}
