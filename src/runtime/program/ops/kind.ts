/** What the runtime knows of a kind of op. */
import type { OpKind } from '../../../../models/op.js';
import type { PlacedOf } from '../../../placement/plan.js';
import type { Image } from '../image.js';

export interface RuntimeKind<K extends OpKind> {
  /** Emits the op's instructions. */
  compile(op: PlacedOf<K>, image: Image): void;
  /** Bytes that a worker needs beside the values while the op runs; left out: none. `rows`: most rows of a step. */
  scratch?(op: PlacedOf<K>, rows: number): number;
  /** Numbers that a sequence keeps from position to position beside keys and values; left out: none. */
  stateWords?(op: PlacedOf<K>): number;
}
