/**
 * Runs a mesh program: resumes the flows of control on the CEs, steps the core, skips cycles in which nothing
 * can happen, and ends with an account of the run or with an error that says who waits for what.
 */
import { MachineError } from '../core/errors.js';
import type { ActiveOp } from './cores/active-op.js';
import type { CoreOptions, FabricCore, FoldCode } from './cores/core.js';
import { FOLD, THREADS } from './cores/core.js';
import { cycleLimit, deadlock } from './cores/diagnose.js';
import { FastCore } from './cores/fast.js';
import { PlainCore } from './cores/plain.js';
import type { Tables } from './cores/tables.js';
import { compile } from './cores/tables.js';
import { formatPoint, PORT_COUNT, RAMP } from './geometry.js';
import type { Mesh } from './mesh.js';
import type { Color, Executor, Operation, Pe, Program, Task, Work } from './pe.js';
import { Pending } from './pe.js';
import type { FabricResult, LocalTotals } from './result.js';
import { account } from './result.js';

/** Far beyond any program that makes sense, and within the 29 bits that a stamp keeps of a cycle. */
export const MAX_CYCLES = 400_000_000;

/** Sees what CEs do: one span per vector operation and per piece of local work. */
export interface SpanObserver {
  span(pe: Pe, name: string, startCycle: number, endCycle: number, op: VectorSpan | null): void;
}

/** What a vector operation takes from and gives to; `folds` if it needs the arithmetic. Local work has none. */
export interface VectorColors {
  readonly input: Color | null;
  readonly output: Color | null;
  readonly folds: boolean;
}

/** A vector operation as it was carried out: on which microthread, over how many words. */
export interface VectorSpan extends VectorColors {
  readonly thread: number;
  readonly words: number;
}

export interface SimulateOptions extends CoreOptions {
  /** `plain` is the slow, readable definition of the same machine. */
  readonly core?: 'fast' | 'plain';
  readonly maxCycles?: number;
  /** Ends the run after this cycle, whatever is still under way, to look at memory as it is then. */
  readonly stopAfterCycle?: number;
  readonly spans?: SpanObserver;
  /** Called once before the first cycle, e.g. to name the links of a trace. */
  readonly onTables?: (tables: Tables) => void;
}

/** Local work of a CE, which vector operations that need its arithmetic may stretch. */
interface LocalWork {
  readonly pe: Pe;
  readonly work: Work;
  readonly action: (() => void) | undefined;
  readonly name: string;
  readonly pending: Pending;
}

interface CeState {
  readonly waiting: LocalWork[];
  current: LocalWork | null;
  startCycle: number;
  endCycle: number;
  /** Arithmetic cycles that vector operations had taken when `endCycle` was last set. */
  aluSeen: number;
}

/**
 * Runs to the end of all programs and of all traffic. `MachineError` for a deadlock, for wavelets that nobody
 * takes, for a ninth microthread on one CE, and past `maxCycles`.
 */
export function simulate(mesh: Mesh, options: SimulateOptions = {}): FabricResult {
  return new Simulation(mesh, options).run();
}

class Simulation implements Executor {
  private readonly mesh: Mesh;
  private readonly options: SimulateOptions;
  private readonly tables: Tables;
  private readonly core: FabricCore;
  private readonly pes: readonly Pe[];
  private readonly ces: CeState[];
  /** By slot. */
  private readonly ops: (ActiveOp | undefined)[];
  /** Node by CE and color, where it takes from the ramp and where it leads to it; -1 where not. */
  private readonly inputNode: Int32Array;
  private readonly outputNode: Int32Array;
  /** By CE and color: the slot + 1 of the operation that takes it, 0 for none. */
  private readonly taker: Int32Array;
  private readonly free: Uint8Array;
  private readonly ends: EndHeap = new EndHeap();
  private readonly totals: LocalTotals[];
  private readonly live = new Set<Task>();

  constructor(mesh: Mesh, options: SimulateOptions) {
    this.mesh = mesh;
    this.options = options;
    const { memory } = mesh;
    this.tables = compile(mesh);
    this.core =
      options.core === 'plain'
        ? new PlainCore(this.tables, memory, options)
        : new FastCore(this.tables, memory, options);
    this.pes = this.tables.workers;
    this.ces = this.pes.map(() => ({ waiting: [], current: null, startCycle: 0, endCycle: 0, aluSeen: 0 }));
    this.totals = this.pes.map(() => ({ busyCycles: 0, macs: 0, sramBytes: 0 }));
    const { microthreads } = mesh.numbers;
    this.ops = Array<ActiveOp | undefined>(this.pes.length * THREADS).fill(undefined);
    const colors = mesh.colors.length;
    this.inputNode = new Int32Array(this.pes.length * colors).fill(-1);
    this.outputNode = new Int32Array(this.pes.length * colors).fill(-1);
    this.taker = new Int32Array(this.pes.length * colors);
    const { nodes, ceOfRouter } = this.tables;
    for (let id = 0; id < nodes.count; id++) {
      const ce = ceOfRouter[nodes.router[id]!]!;
      if (ce < 0) continue;
      const place = ce * colors + nodes.color[id]!;
      if (nodes.outputs[id * PORT_COUNT + RAMP]! >= 0) this.inputNode[place] = id;
      if (nodes.inputs[id * PORT_COUNT + RAMP]! >= 0) this.outputNode[place] = id;
    }
    this.free = new Uint8Array(this.pes.length).fill((1 << microthreads) - 1);
    options.onTables?.(this.tables);
  }

  run(): FabricResult {
    const { core, ends } = this;
    const stop = this.options.stopAfterCycle ?? MAX_CYCLES;
    const most = Math.min(this.options.maxCycles ?? MAX_CYCLES, MAX_CYCLES);
    const limit = Math.min(most, stop);
    for (const pe of this.pes) pe.attach(this);
    try {
      for (const pe of this.pes) if (pe.main !== null) this.spawn(pe, 'main', pe.main, 'now');
      for (;;) {
        while (ends.nextCycle() <= core.now) this.endWork(ends.pop());
        const moved = core.step();
        for (const slot of core.ended) this.endOp(slot);
        if (moved > 0 || core.now <= core.lastReady) {
          if (core.now > limit) {
            if (stop < most) return this.account();
            throw cycleLimit(this.mesh, this.tables, core, this.ops, limit);
          }
          core.leap(Math.min(ends.nextCycle(), limit + 1) - core.now);
          continue;
        }
        // Nothing moved and nothing is on its way: the next event is the end of some local work.
        const next = ends.nextCycle();
        if (next === NO_CYCLE) break;
        if (next > limit) {
          if (stop < most) return this.account();
          throw cycleLimit(this.mesh, this.tables, core, this.ops, limit);
        }
        core.now = Math.max(core.now, next);
      }
      if (this.live.size > 0 || core.inFlight() > 0) {
        throw deadlock(this.mesh, this.tables, core, this.ops, [...this.live]);
      }
    } finally {
      for (const pe of this.pes) pe.attach(null);
    }
    return this.account();
  }

  private lastCycle = 0;

  private account(): FabricResult {
    return account(this.mesh, this.tables, this.core, this.totals, this.lastCycle);
  }

  // ── Flows of control ──────────────────────────────────────────────────────────────────────────────────────

  spawn(pe: Pe, name: string, program: Program, how: 'now' | 'task' | 'daemon'): Pending {
    const task: Task = { pe, name, flow: program(), daemon: how === 'daemon', end: new Pending() };
    if (!task.daemon) this.live.add(task);
    // A task that another one starts has to be picked first.
    const { taskStartCycles } = this.mesh.numbers;
    if (how === 'task')
      this.compute(pe, { cycles: taskStartCycles }, undefined, `start ${name}`).waiter = task;
    else this.resume(task);
    return task.end;
  }

  turn(pe: Pe, color: Color): void {
    if (this.mesh.routeAt(pe.at, color) === undefined) {
      throw new MachineError({
        what: `switch of color "${color.name}" at PE ${formatPoint(pe.at)}`,
        given: 'a turn where the color has no route',
        expected: 'a color that this router knows',
        todo: 'Correct the layout of the mesh program.',
      });
    }
    this.core.turn(this.tables.nodeAt(pe.at, color));
  }

  private resume(task: Task): void {
    for (;;) {
      const next = task.flow.next();
      if (next.done === true) {
        this.live.delete(task);
        this.settle(task.end);
        return;
      }
      if (next.value.done) continue;
      next.value.waiter = task;
      return;
    }
  }

  private settle(pending: Pending): void {
    pending.done = true;
    if (pending.waiter !== null) this.resume(pending.waiter);
  }

  // ── Vector operations ─────────────────────────────────────────────────────────────────────────────────────

  issue(pe: Pe, { input, output, view, fold, store, lastMark }: Operation): Pending {
    const pending = new Pending();
    const { words } = view;
    if (words === 0) {
      pending.done = true;
      return pending;
    }
    const free = this.free[pe.ce]!;
    if (free === 0) throw this.noThread(pe);
    const thread = 31 - Math.clz32(free & -free);
    this.free[pe.ce] = free & (free - 1);
    const slot = pe.ce * THREADS + thread;
    if (input !== null) {
      const place = pe.ce * this.mesh.colors.length + input.id;
      const other = this.taker[place]!;
      if (other !== 0) throw this.taken(pe, input, view.buffer.name, this.ops[other - 1]!);
      this.taker[place] = slot + 1;
    }
    this.core.start(slot, {
      input: input === null ? -1 : this.nodeOf(pe, input, this.inputNode),
      output: output === null ? -1 : this.nodeOf(pe, output, this.outputNode),
      offset: view.buffer.offset + view.firstWord,
      count: words,
      fold,
      store,
      lastMark,
    });
    const { name: buffer } = view.buffer;
    this.ops[slot] = { pe, input, output, fold, store, words, buffer, pending, startCycle: this.core.now };
    return pending;
  }

  private nodeOf(pe: Pe, color: Color, nodes: Int32Array): number {
    const node = nodes[pe.ce * this.mesh.colors.length + color.id]!;
    if (node >= 0) return node;
    throw new MachineError({
      what: `vector operation of PE ${formatPoint(pe.at)}`,
      given: `color "${color.name}", which no route ${nodes === this.inputNode ? 'leads to' : 'takes from'} its ramp`,
      expected: 'a color with a route over the ramp',
      todo: 'Correct the layout of the mesh program.',
    });
  }

  private taken(pe: Pe, color: Color, buffer: string, other: ActiveOp): MachineError {
    return new MachineError({
      what: `color "${color.name}" at PE ${formatPoint(pe.at)}, cycle ${this.core.now}`,
      given: `a second operation that takes from it, into "${buffer}", while the one of cycle ${other.startCycle}, into "${other.buffer}", still does`,
      expected: 'one at a time: two would share the words by chance',
      todo: 'Wait for the first (`yield`), or give the second a color of its own.',
    });
  }

  private noThread(pe: Pe): MachineError {
    return new MachineError({
      what: `microthreads of PE ${formatPoint(pe.at)}`,
      given: 'one more vector operation while all are busy',
      expected: `at most ${this.mesh.numbers.microthreads} at a time`,
      todo: 'Wait for an operation before issuing the next.',
    });
  }

  private endOp(slot: number): void {
    const { pe, input, output, fold, store, words, pending, startCycle } = this.ops[slot]!;
    this.ops[slot] = undefined;
    this.free[pe.ce]! |= 1 << (slot % THREADS);
    if (input !== null) this.taker[pe.ce * this.mesh.colors.length + input.id] = 0;
    // A word from memory is read, a kept result written; copies in and out do one of the two.
    const reads = fold !== FOLD.copy || input === null ? 4 : 0;
    this.totals[pe.ce]!.sramBytes += words * (reads + (store ? 4 : 0));
    this.lastCycle = this.core.now;
    this.options.spans?.span(pe, nameOf(input, output, fold), startCycle, this.core.now, {
      input,
      output,
      folds: fold !== FOLD.copy,
      thread: slot % THREADS,
      words,
    });
    this.settle(pending);
  }

  // ── Local work ────────────────────────────────────────────────────────────────────────────────────────────

  compute(pe: Pe, work: Work, action: (() => void) | undefined, name: string): Pending {
    if (!(work.cycles >= 0 && work.cycles <= MAX_CYCLES)) throw this.wrongWork(pe, name, work.cycles);
    const pending = new Pending();
    const local: LocalWork = { pe, work, action, name, pending };
    const state = this.ces[pe.ce]!;
    if (state.current === null) this.startWork(state, local);
    else state.waiting.push(local);
    return pending;
  }

  private wrongWork(pe: Pe, name: string, cycles: number): MachineError {
    return new MachineError({
      what: `local work "${name}" of PE ${formatPoint(pe.at)}`,
      given: `${cycles} cycles`,
      expected: `0 to ${MAX_CYCLES}`,
      todo: 'Correct the mesh program.',
    });
  }

  private startWork(state: CeState, local: LocalWork): void {
    state.current = local;
    state.startCycle = this.core.now;
    state.endCycle = this.core.now + Math.ceil(local.work.cycles);
    state.aluSeen = this.core.aluCycles(local.pe.ce);
    this.ends.push(state.endCycle, local.pe.ce);
  }

  private endWork(ce: number): void {
    const state = this.ces[ce]!;
    const local = state.current!;
    // Every cycle in which a vector operation had the arithmetic was lost to the local work.
    const stolen = this.core.aluCycles(ce) - state.aluSeen;
    if (stolen > 0 && state.endCycle > state.startCycle) {
      state.aluSeen += stolen;
      state.endCycle += stolen;
      this.ends.push(state.endCycle, ce);
      return;
    }
    const { work } = local;
    const totals = this.totals[ce]!;
    totals.busyCycles += Math.ceil(work.cycles);
    totals.macs += work.macs ?? 0;
    totals.sramBytes += work.sramBytes ?? 0;
    this.lastCycle = this.core.now;
    local.action?.();
    if (work.cycles > 0)
      this.options.spans?.span(local.pe, local.name, state.startCycle, this.core.now, null);
    state.current = null;
    const next = state.waiting.shift();
    if (next !== undefined) this.startWork(state, next);
    this.settle(local.pending);
  }
}

function nameOf(input: Color | null, output: Color | null, fold: FoldCode): string {
  if (input === null) return `send ${output!.name}`;
  if (output === null) return `${fold === FOLD.copy ? 'receive' : 'fold'} ${input.name}`;
  return `relay ${input.name} to ${output.name}`;
}

/** Later than any cycle that a run can reach, and a small integer to the engine. */
const NO_CYCLE = 2 ** 30 - 1;

/** A binary heap of (cycle, CE), the earliest first; equal cycles by CE, though their order cannot matter. */
class EndHeap {
  private readonly cycles: number[] = [];
  private readonly ces: number[] = [];

  nextCycle(): number {
    return this.cycles[0] ?? NO_CYCLE;
  }

  push(cycle: number, ce: number): void {
    let i = this.cycles.length;
    this.cycles.push(cycle);
    this.ces.push(ce);
    while (i > 0 && this.before(i, (i - 1) >> 1)) {
      this.swap(i, (i - 1) >> 1);
      i = (i - 1) >> 1;
    }
  }

  pop(): number {
    const ce = this.ces[0]!;
    this.swap(0, this.cycles.length - 1);
    this.cycles.pop();
    this.ces.pop();
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      if (left >= this.cycles.length) return ce;
      const child = left + 1 < this.cycles.length && this.before(left + 1, left) ? left + 1 : left;
      if (!this.before(child, i)) return ce;
      this.swap(i, child);
      i = child;
    }
  }

  private before(a: number, b: number): boolean {
    const order = this.cycles[a]! - this.cycles[b]!;
    return order < 0 || (order === 0 && this.ces[a]! < this.ces[b]!);
  }

  private swap(a: number, b: number): void {
    [this.cycles[a], this.cycles[b]] = [this.cycles[b]!, this.cycles[a]!];
    [this.ces[a], this.ces[b]] = [this.ces[b]!, this.ces[a]!];
  }
}
