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
  /** By CE: the local work under way and what waits for it, when it began and is to end. */
  private readonly current: (LocalWork | null)[];
  private readonly waiting: (LocalWork[] | null)[];
  private readonly startCycle: Int32Array;
  private readonly endCycle: Int32Array;
  /** By CE: arithmetic cycles that vector operations had taken when `endCycle` was last set. */
  private readonly aluSeen: Int32Array;
  /** By slot. */
  private readonly ops: (ActiveOp | undefined)[];
  /** Node by CE and color, where it takes from the ramp and where it leads to it; -1 where not. */
  private readonly inputNode: Int32Array;
  private readonly outputNode: Int32Array;
  /** By CE and color: the slot + 1 of the operation that takes it, 0 for none. */
  private readonly taker: Int32Array;
  private readonly free: Uint8Array;
  private readonly ends = new Calendar();
  private readonly totals: LocalTotals;
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
    const count = this.pes.length;
    this.current = Array<LocalWork | null>(count).fill(null);
    this.waiting = Array<LocalWork[] | null>(count).fill(null);
    this.startCycle = new Int32Array(count);
    this.endCycle = new Int32Array(count);
    this.aluSeen = new Int32Array(count);
    this.totals = { busyCycles: new Float64Array(count), macs: 0, sramBytes: 0 };
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
        while (ends.nextCycle() <= core.now) for (const ce of ends.pop()) this.endWork(ce);
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

  get cycle(): number {
    return this.core.now;
  }

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
    this.totals.sramBytes += words * (reads + (store ? 4 : 0));
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
    if (this.current[pe.ce] === null) this.startWork(local);
    else if (this.waiting[pe.ce] === null) this.waiting[pe.ce] = [local];
    else this.waiting[pe.ce]!.push(local);
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

  private startWork(local: LocalWork): void {
    const { ce } = local.pe;
    const end = this.core.now + Math.ceil(local.work.cycles);
    this.current[ce] = local;
    this.startCycle[ce] = this.core.now;
    this.endCycle[ce] = end;
    this.aluSeen[ce] = this.core.aluCycles(ce);
    this.ends.add(end, ce);
  }

  private endWork(ce: number): void {
    const local = this.current[ce]!;
    // Every cycle in which a vector operation had the arithmetic was lost to the local work.
    const stolen = this.core.aluCycles(ce) - this.aluSeen[ce]!;
    if (stolen > 0 && this.endCycle[ce]! > this.startCycle[ce]!) {
      this.aluSeen[ce]! += stolen;
      this.endCycle[ce]! += stolen;
      this.ends.add(this.endCycle[ce]!, ce);
      return;
    }
    const { work } = local;
    const { totals } = this;
    totals.busyCycles[ce]! += Math.ceil(work.cycles);
    totals.macs += work.macs ?? 0;
    totals.sramBytes += work.sramBytes ?? 0;
    this.lastCycle = this.core.now;
    local.action?.();
    if (work.cycles > 0)
      this.options.spans?.span(local.pe, local.name, this.startCycle[ce]!, this.core.now, null);
    this.current[ce] = null;
    const next = this.waiting[ce]?.shift();
    if (next !== undefined) this.startWork(next);
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

/** Which CEs end local work in which cycle: a binary heap of the cycles, and the CEs of each. */
class Calendar {
  private readonly heap: number[] = [];
  private readonly ces = new Map<number, number[]>();

  nextCycle(): number {
    return this.heap[0] ?? NO_CYCLE;
  }

  add(cycle: number, ce: number): void {
    const same = this.ces.get(cycle);
    if (same !== undefined) {
      same.push(ce);
      return;
    }
    this.ces.set(cycle, [ce]);
    const { heap } = this;
    let i = heap.push(cycle) - 1;
    for (let up = (i - 1) >> 1; i > 0 && heap[i]! < heap[up]!; up = (i - 1) >> 1) {
      [heap[i], heap[up]] = [heap[up]!, heap[i]!];
      i = up;
    }
  }

  /** Those of the next cycle. */
  pop(): readonly number[] {
    const { heap } = this;
    const cycle = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) heap[0] = last;
    for (let i = 0; ; ) {
      let child = 2 * i + 1;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (child >= heap.length || heap[child]! >= heap[i]!) break;
      [heap[i], heap[child]] = [heap[child]!, heap[i]!];
      i = child;
    }
    const found = this.ces.get(cycle)!;
    this.ces.delete(cycle);
    return found;
  }
}
