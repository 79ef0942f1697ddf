/** Q4_K: a block of a file, decoded. */
import { minAt, nibblesAt, scaleAt, sixBitScalesAt } from '../decode.wasm';

@inline
export function decode(from: usize): void {
  scaleAt(from);
  minAt(from + 2);
  sixBitScalesAt(from + 4);
  for (let i: usize = 0; i < 128; i += 16) nibblesAt(from + 16 + i, (i & 96) * 2 + (i & 16), 32);
}
