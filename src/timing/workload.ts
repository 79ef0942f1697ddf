/** What a machine is asked to do, and what a timing model answers; the same words for wafers and GPUs. */
import type { Tag } from '../core/provenance.js';

/** `concurrency` users, each with one request in flight at any time. */
export interface Workload {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly concurrency: number;
}

/** What limits a result: arithmetic, memory traffic, the interconnect, fixed costs, or the way in and out. */
export type Bound = 'compute' | 'memory' | 'fabric' | 'latency' | 'I/O';

/** The cost of one op in one step, by the resource that it waits for; seconds. */
export interface OpCost {
  readonly op: string;
  readonly computeSeconds: number;
  readonly memorySeconds: number;
  readonly fabricSeconds: number;
  readonly latencySeconds: number;
  /** What the op takes; at most the sum of its parts, less where they overlap. */
  readonly seconds: number;
  readonly flops: number;
  readonly bytes: number;
}

/** One phase as a list of ops that add up to `seconds`. */
export interface StepCost {
  readonly seconds: number;
  readonly ops: readonly OpCost[];
  readonly boundBy: Bound;
}

/** The resource that the ops wait for longest. */
export function boundOf(ops: readonly OpCost[]): Bound {
  let [compute, memory, fabric, latency] = [0, 0, 0, 0];
  for (const op of ops) {
    if (op.computeSeconds > op.memorySeconds) compute += op.computeSeconds;
    else memory += op.memorySeconds;
    fabric += op.fabricSeconds;
    latency += op.latencySeconds;
  }
  const most = Math.max(compute, memory, fabric, latency);
  if (most === compute) return 'compute';
  if (most === memory) return 'memory';
  return most === fabric ? 'fabric' : 'latency';
}

export function stepOf(ops: readonly OpCost[]): StepCost {
  return { seconds: ops.reduce((sum, op) => sum + op.seconds, 0), ops, boundBy: boundOf(ops) };
}

/** Simulated result of a workload on a machine, before prices. */
export interface Timing {
  readonly ttftMs: number;
  readonly tpotMs: number;
  readonly tag: Tag;
}
