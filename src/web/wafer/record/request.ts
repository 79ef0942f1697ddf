/** What the page asks its fabric worker to run. */
import type { NumberType } from '../../../fabric/programs/index.js';

/** Everything that decides a run. */
export interface RunRequest {
  readonly program: string;
  readonly width: number;
  readonly height: number;
  readonly elements: number;
  readonly type: NumberType;
  readonly machine: string;
}
