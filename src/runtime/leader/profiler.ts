/** Where the time of steps goes: worker 0 times each instruction, and the leader what it does between two steps. */
import * as L from '../../../kernels/program/instructions.js';
import { type Profile, type ProfilePart, profileParts } from '../types.js';

/** What an op's time is counted as; all others are `elements`. */
const partOf = new Map<number, ProfilePart>([
  [L.OP_EMBEDDING, 'products'],
  [L.OP_MATMUL, 'products'],
  [L.OP_EXPERT_LINEAR, 'products'],
  [L.OP_APPEND, 'attention'],
  [L.OP_ATTENTION, 'attention'],
  [L.OP_NORM, 'norms'],
  [L.OP_NORM_TO, 'norms'],
  [L.OP_NORM_RUNS, 'norms'],
  [L.OP_QUANTIZE, 'norms'],
  [L.OP_CONV, 'states'],
  [L.OP_SHIFT, 'states'],
  [L.OP_SCAN, 'states'],
  [L.OP_LINEAR_ATTENTION, 'states'],
  [L.OP_WKV, 'states'],
  [L.OP_BARRIER, 'waiting'],
]);

const nothing = () => ({
  steps: 0,
  ms: Object.fromEntries(profileParts.map((part) => [part, 0])) as Record<ProfilePart, number>,
});

export class Profiler {
  /** By rows of a step: one token, or several. */
  private kinds = { single: nothing(), several: nothing() };
  /** By memory. */
  private readonly times: readonly Float64Array[];
  /** The end of the last step, and which kind it was; null where nothing follows from it. */
  private last: { readonly ms: number; readonly kind: keyof Profile } | null = null;

  /** @param control address of the control block of each memory, in which profiling begins */
  constructor(memories: readonly WebAssembly.Memory[], control: number) {
    for (const { buffer } of memories) new Int32Array(buffer)[control / 4 + L.CTL_IS_PROFILED] = 1;
    this.times = memories.map(({ buffer }) => new Float64Array(buffer, control + 4 * L.CTL_TIMES, L.OPS));
  }

  /** A step begins: what came since the last one was the leader's. */
  begin(): void {
    if (this.last !== null) this.kinds[this.last.kind].ms.leader += performance.now() - this.last.ms;
    for (const times of this.times) times.fill(0);
  }

  end(rows: number): void {
    const kind = rows === 1 ? 'single' : 'several';
    const { ms } = this.kinds[kind];
    this.kinds[kind].steps++;
    for (const times of this.times) {
      for (const [op, time] of times.entries()) if (time > 0) ms[partOf.get(op) ?? 'elements'] += time;
    }
    this.last = { ms: performance.now(), kind };
  }

  /** Nothing is to be done for now. */
  rest(): void {
    this.last = null;
  }

  /** Begins anew. */
  clear(): void {
    this.kinds = { single: nothing(), several: nothing() };
    this.rest();
  }

  get profile(): Profile {
    return structuredClone(this.kinds);
  }
}
