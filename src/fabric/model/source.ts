/** Where a model on the fabric takes its numbers from. */
import type { StoredWeight } from './tile.js';

export interface ModelSource {
  /** A weight by its Hugging Face name. */
  weight(name: string): StoredWeight;
  /** [cos, sin] for each pair of a head's dims at a position, with the bits that the runtime uses. */
  angles(position: number): Float32Array;
}
