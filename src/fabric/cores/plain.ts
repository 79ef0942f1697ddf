/**
 * The plain core: a router and a CE that read like their block diagrams, stepped in two visible passes. In the
 * first everyone looks at the state at the start of the cycle and decides; in the second the decisions are
 * carried out. It is the definition that fast.ts is held equal to, and many times slower.
 */

import { PORT_COUNT, RAMP } from '../geometry.js';
import { foldWord } from '../local/folds.js';
import type { CoreOptions, Counters, FabricCore, QueueContent, VectorOp } from './core.js';
import { FOLD, MARK, THREADS } from './core.js';
import { CE_PORT, shapeOf, type Tables } from './tables.js';

interface Wavelet {
  readonly word: number;
  readonly ready: number;
  readonly mark: number;
  readonly id: number;
}

interface Queue {
  readonly node: number;
  readonly port: number;
  readonly capacity: number;
  readonly latency: number;
  readonly link: number;
  readonly wavelets: Wavelet[];
}

interface Node {
  readonly router: number;
  readonly color: number;
  readonly rx: readonly number[];
  readonly tx: readonly number[];
  readonly ring: boolean;
  /** Queue before each input port and behind each output port, or -1. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  position: number;
}

/** A decision of the first pass: `from` gives its head to all of `to`. */
interface Move {
  readonly from: Queue;
  readonly to: readonly Queue[];
}

interface Running {
  readonly slot: number;
  readonly op: VectorOp;
  offset: number;
  left: number;
}

export class PlainCore implements FabricCore {
  now = 0;
  lastReady = 0;
  readonly ended: number[] = [];

  private readonly tables: Tables;
  private readonly options: CoreOptions;
  private readonly nodes: readonly Node[];
  private readonly queues: readonly Queue[];
  private readonly running = new Map<number, Running>();
  private readonly visits: Int32Array;
  private readonly loads: Float64Array;
  private readonly alu: Float64Array;
  private readonly sent: Float64Array;
  private readonly words: Int32Array;
  private injected = 0;
  private copied = 0;
  private delivered = 0;

  constructor(tables: Tables, memory: ArrayBuffer, options: CoreOptions = {}) {
    this.tables = tables;
    this.options = options;
    this.words = new Int32Array(memory);
    const { nodes, queues } = tables;
    this.nodes = Array.from({ length: nodes.count }, (_, id) => ({
      ...shapeOf(tables, id),
      router: nodes.router[id]!,
      color: nodes.color[id]!,
      inputs: [...nodes.inputs.subarray(id * PORT_COUNT, (id + 1) * PORT_COUNT)],
      outputs: [...nodes.outputs.subarray(id * PORT_COUNT, (id + 1) * PORT_COUNT)],
      position: 0,
    }));
    this.queues = Array.from({ length: queues.count }, (_, id) => ({
      node: queues.node[id]!,
      port: queues.port[id]!,
      capacity: queues.capacity[id]!,
      latency: queues.latency[id]!,
      link: queues.link[id]!,
      wavelets: [],
    }));
    this.visits = Int32Array.from(tables.routers, (_, router) => router);
    this.loads = new Float64Array(tables.routers.length * PORT_COUNT);
    this.alu = new Float64Array(tables.ces);
    this.sent = new Float64Array(tables.ces);
  }

  start(slot: number, op: VectorOp): void {
    this.running.set(slot, { slot, op, offset: op.offset, left: op.count });
  }

  step(): number {
    this.ended.length = 0;
    this.options.reorder?.(this.visits);
    // First pass: look and decide.
    const moves: Move[] = [];
    const work: Running[] = [];
    for (const router of this.visits) {
      moves.push(...this.decideRouter(router));
      const ce = this.tables.ceOfRouter[router]!;
      if (ce >= 0) work.push(...this.decideCe(ce));
    }
    // Second pass: carry out.
    for (const move of moves) this.carryOut(move);
    for (const running of work) this.carryOutWork(running);
    this.now++;
    return moves.length + work.length;
  }

  /** The plain core goes step by step. */
  leap(): number {
    return 0;
  }

  // ── Router ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Queues in this cycle's order of priority: groups of 32 and places within them rotate with the cycle. */
  private inTurn<T>(items: readonly T[], group: number): T[] {
    const groups = Math.ceil(items.length / group);
    const order: T[] = [];
    for (let g = 0; g < groups; g++) {
      const first = ((g + this.now) % groups) * group;
      for (let k = 0; k < group; k++) {
        const item = items[first + ((k + this.now) % group)];
        if (item !== undefined) order.push(item);
      }
    }
    return order;
  }

  private decideRouter(router: number): Move[] {
    const moves: Move[] = [];
    const links = new Set<number>();
    const { firstQueue } = this.tables;
    const own = this.queues.slice(firstQueue[router], firstQueue[router + 1]);
    for (const from of this.inTurn(own, 32)) {
      const node = this.nodes[from.node]!;
      const head = from.wavelets[0];
      if (head === undefined || head.ready > this.now) continue;
      if ((node.rx[node.position]! & (1 << from.port)) === 0) continue;
      const to = node.outputs
        .filter((_, port) => node.tx[node.position]! & (1 << port))
        .map((q) => this.queues[q]!);
      if (to.some((queue) => links.has(queue.link) || queue.wavelets.length >= queue.capacity)) continue;
      for (const { link } of to) links.add(link);
      moves.push({ from, to });
    }
    return moves;
  }

  private carryOut({ from, to }: Move): void {
    const node = this.nodes[from.node]!;
    const { word, mark, id } = from.wavelets.shift()!;
    for (const queue of to) {
      this.push(queue, { word, ready: this.now + queue.latency, mark: mark & MARK.control, id });
      this.loads[queue.link]!++;
      this.options.observer?.hop(this.now, queue.link, node.color, word, id);
    }
    this.copied += to.length - 1;
    if (mark !== MARK.none) this.turn(from.node);
  }

  turn(id: number): void {
    const node = this.nodes[id]!;
    const next = node.position + 1;
    node.position = next < node.rx.length ? next : node.ring ? 0 : node.rx.length - 1;
  }

  private push(queue: Queue, wavelet: Wavelet): void {
    queue.wavelets.push(wavelet);
    this.lastReady = Math.max(this.lastReady, wavelet.ready);
  }

  // ── CE ────────────────────────────────────────────────────────────────────────────────────────────────────

  private inputOf(op: VectorOp): Queue {
    return this.queues[this.nodes[op.input]!.outputs[RAMP]!]!;
  }

  private outputOf(op: VectorOp): Queue {
    return this.queues[this.nodes[op.output]!.inputs[RAMP]!]!;
  }

  private decideCe(ce: number): Running[] {
    const work: Running[] = [];
    let rampFree = true;
    let aluFree = true;
    const taken = new Map<Queue, number>();
    for (const slot of this.inTurn(
      Array.from({ length: THREADS }, (_, k) => ce * THREADS + k),
      THREADS,
    )) {
      const running = this.running.get(slot);
      if (running === undefined) continue;
      const { op } = running;
      if (op.input >= 0) {
        const queue = this.inputOf(op);
        const head = queue.wavelets[taken.get(queue) ?? 0];
        if (head === undefined || head.ready > this.now) continue;
      }
      if (op.output >= 0) {
        const queue = this.outputOf(op);
        if (!rampFree || queue.wavelets.length >= queue.capacity) continue;
      }
      if (op.fold !== FOLD.copy && !aluFree) continue;
      if (op.input >= 0) taken.set(this.inputOf(op), (taken.get(this.inputOf(op)) ?? 0) + 1);
      if (op.output >= 0) rampFree = false;
      if (op.fold !== FOLD.copy) aluFree = false;
      work.push(running);
    }
    return work;
  }

  private carryOutWork(running: Running): void {
    const { slot, op } = running;
    const ce = Math.floor(slot / THREADS);
    let word = this.words[running.offset]!;
    if (op.input >= 0) {
      const taken = this.inputOf(op).wavelets.shift()!;
      this.options.observer?.take?.(this.now, ce, this.nodes[op.input]!.color, taken.word, taken.id);
      word = foldWord(op.fold, word, taken.word);
      this.delivered++;
      if (op.fold !== FOLD.copy) this.alu[ce]!++;
      if (op.store) this.words[running.offset] = word;
    }
    running.offset++;
    running.left--;
    if (op.output >= 0) {
      const queue = this.outputOf(op);
      const mark = running.left === 0 ? op.lastMark : MARK.none;
      const id = this.sent[ce]!++ * this.tables.ces + ce;
      this.push(queue, { word, ready: this.now + queue.latency, mark, id });
      this.options.observer?.put?.(this.now, ce, this.nodes[op.output]!.color, word, id);
      this.injected++;
    }
    if (running.left === 0) {
      this.running.delete(slot);
      this.ended.push(slot);
    }
  }

  // ── For messages and accounts ─────────────────────────────────────────────────────────────────────────────

  remaining(slot: number): number {
    return this.running.get(slot)?.left ?? 0;
  }

  aluCycles(ce: number): number {
    return this.alu[ce]!;
  }

  linkLoads(): Float64Array {
    return this.loads.slice();
  }

  counters(): Counters {
    const hops = this.loads.reduce((sum, load, link) => (link % PORT_COUNT === RAMP ? sum : sum + load), 0);
    return { injected: this.injected, copied: this.copied, delivered: this.delivered, hops };
  }

  inFlight(): number {
    return this.queues.reduce((sum, queue) => sum + queue.wavelets.length, 0);
  }

  contents(): QueueContent[] {
    return this.queues
      .filter((queue) => queue.wavelets.length > 0)
      .map(({ node, port, wavelets }) => ({
        node,
        where: port === CE_PORT ? 'CE' : port,
        words: wavelets.map((wavelet) => wavelet.word),
      }));
  }
}
