/** IQ4_NL: a block of a file, decoded. */
import { nibblesAt, scaleAt } from '../decode.wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from);
  nibblesAt(from + 2, 0, 16);
}
