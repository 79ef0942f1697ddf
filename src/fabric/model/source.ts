/** Where a model on the fabric takes its numbers from. */
import type { RopeTable } from '../../../models/op.js';
import type { StoredWeight } from './tile.js';

export interface ModelSource {
  /** A stored tensor by its name. */
  weight(name: string): StoredWeight;
  /** [cos, sin] for each pair of a rotation at a position, with the bits that the runtime uses. */
  angles(table: RopeTable, position: number): Float32Array;
}
