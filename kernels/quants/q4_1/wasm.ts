/** Q4_1: a block of a file, decoded. */
import { addendAt, nibblesAt, scaleAt } from '../decode.wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from);
  addendAt(from + 2);
  nibblesAt(from + 4, 0, 16);
}
