/** What the page may ask of its fabric worker. */
import type { Point } from '../../../fabric/geometry.js';
import type { RunRequest } from './request.js';
import type { BufferNumbers, RecordedRun } from './run.js';

/** An answer, or why there is none: a sentence that says what to do. */
export type Answered<T> = { readonly value: T } | { readonly problem: string };

export interface FabricApi {
  record(request: RunRequest): Promise<Answered<RecordedRun>>;
  memoryAfter(request: RunRequest, at: Point, cycle: number): Promise<Answered<readonly BufferNumbers[]>>;
}
