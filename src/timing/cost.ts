/** What a machine is asked to do, and what a timing model answers; the same words for wafers and GPUs. */
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
  /** Crossing from machine to machine. */
  readonly ioSeconds?: number;
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

/** The resource that the ops wait for longest; compute and memory overlap, so the longer of the two counts. */
function boundOf(ops: readonly OpCost[]): Bound {
  const waits: Record<Bound, number> = { compute: 0, memory: 0, fabric: 0, latency: 0, 'I/O': 0 };
  for (const op of ops) {
    const longer = op.computeSeconds > op.memorySeconds ? 'compute' : 'memory';
    waits[longer] += Math.max(op.computeSeconds, op.memorySeconds);
    waits.fabric += op.fabricSeconds;
    waits.latency += op.latencySeconds;
    waits['I/O'] += op.ioSeconds ?? 0;
  }
  const bounds = Object.keys(waits) as Bound[];
  return bounds.reduce((most, bound) => (waits[bound] > waits[most] ? bound : most));
}

export function stepOf(ops: readonly OpCost[]): StepCost {
  return { seconds: ops.reduce((sum, op) => sum + op.seconds, 0), ops, boundBy: boundOf(ops) };
}

/** Speculative decoding: `length` drafted tokens are checked at once, each is right with probability `acceptance`. */
export interface Draft {
  readonly length: number;
  readonly acceptance: number;
  /** Cost of one drafted token as a share of a plain step. */
  readonly costShare: number;
}

/** Tokens that one check yields on average (Leviathan et al., arXiv:2211.17192, equation 1). */
export function draftYield({ length, acceptance }: Draft): number {
  return acceptance === 1 ? length + 1 : (1 - acceptance ** (length + 1)) / (1 - acceptance);
}
