/** Q5_1: a block of a file, decoded. */
import { addendAt, fifthBitsAt, nibblesAt, scaleAt } from '../decode.wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from);
  addendAt(from + 2);
  nibblesAt(from + 8, 0, 16);
  fifthBitsAt(from + 4, 0);
  fifthBitsAt(from + 6, 16);
}
