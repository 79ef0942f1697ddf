/**
 * The fast core: all state in typed arrays, and only routers and CEs that can act are visited. It needs no
 * second pass to be two-phase. What a queue held when the cycle began can always be told from its stamps: a
 * wavelet pushed in this cycle is not ready yet, and a place freed in this cycle still counts as taken. So the
 * order of visits cannot matter; plain.ts does the same in two visible passes.
 *
 * A queue is one cache line of 16 words, the wavelets of a link's queue among them; a router is another line.
 */

import { PORT_COUNT, RAMP } from '../geometry.js';
import { foldWord } from '../local/folds.js';
import type { CoreOptions, Counters, FabricCore, HopObserver, QueueContent, VectorOp } from './core.js';
import { FOLD, MARK, THREADS } from './core.js';
import { Leaper } from './leap.js';
import { contents, counters, inFlight, linkLoads, type Packed, pack } from './packed.js';
import { shapeOf, type Tables } from './tables.js';
import {
  ALU_COUNT,
  ALU_USED,
  AWAKE,
  CAPACITY,
  CE_LINE,
  FAN_LINE,
  FIRST_QUEUE,
  FOLDING,
  GROUPS,
  INPUT,
  LAST_MARK,
  LATENCY,
  LEFT,
  LINE,
  LINK,
  MASK,
  OFFSET,
  OUT,
  OUTPUT,
  PLACE,
  POPPED,
  POPS,
  PUSHES,
  RAMP_USED,
  READY,
  RING,
  SENDER,
  SHUT,
  STORE,
  TAKER,
  THREAD_MASK,
  WAITERS,
  WRAP,
} from './words.js';

/** Answers of a visit: bit 0, something moved; bit 1, something may move next cycle if nobody else acts. */
const ASLEEP = 0;
const MOVED = 1;
const SOON = 2;

/** After so many vain tries in a row a leap is tried only every so many cycles. */
const MAX_PATIENCE = 16;

export class FastCore implements FabricCore {
  now = 0;
  lastReady = 0;
  readonly ended: number[] = [];

  private readonly tables: Tables;
  private readonly observer: HopObserver | null;
  private readonly reorder: CoreOptions['reorder'] | null;
  private readonly contended: CoreOptions['contended'];
  readonly words: Int32Array;
  readonly floats: Float32Array;

  readonly q: Int32Array;
  private readonly qFloats: Float32Array;
  private readonly routers: Int32Array;
  readonly ces: Int32Array;
  readonly ops: Int32Array;
  /** Rows of 8: how many queues, and their offsets. */
  readonly fan: Int32Array;
  private readonly packed: Packed;
  private readonly position: Uint8Array;
  /** When observed: the number of the wavelet in each place of `q`. */
  private readonly identity: Float64Array;
  private readonly sent: Float64Array;

  private routerList: Int32Array;
  private routerNext: Int32Array;
  private routerNextCount = 0;
  private ceList: Int32Array;
  private ceNext: Int32Array;
  private ceNextCount = 0;

  /** What moved in the last step, for leap.ts; and whether it may go on just so. */
  private readonly events: Int32Array;
  private eventCount = 0;
  /** Not 0 when something waits that may move next cycle, so that the last step may not repeat. */
  private restless = 1;
  /** Made when there is something to leap over. */
  private leaper: Leaper | null = null;
  private patience = 0;
  private failures = 0;

  private readonly scratchWord = new Int32Array(1);
  private readonly scratchFloat = new Float32Array(this.scratchWord.buffer);

  /** `memory` is the SRAM of all PEs. */
  constructor(tables: Tables, memory: ArrayBuffer, options: CoreOptions = {}) {
    this.tables = tables;
    this.observer = options.observer ?? null;
    this.reorder = options.reorder ?? null;
    this.contended = options.contended;
    this.words = new Int32Array(memory);
    this.floats = new Float32Array(memory);
    const packed = pack(tables);
    this.packed = packed;
    this.q = packed.q;
    this.qFloats = new Float32Array(packed.q.buffer);
    this.routers = packed.routers;
    this.ces = packed.ces;
    this.ops = packed.ops;
    this.fan = packed.fan;
    const { count } = tables.nodes;
    this.position = new Uint8Array(count);
    for (let node = 0; node < count; node++) if (packed.rowOf[node]! >= 0) this.openInputs(node);
    this.identity = new Float64Array(this.observer === null ? 0 : packed.q.length);
    this.sent = new Float64Array(this.observer === null ? 0 : tables.ces);
    const lines = tables.queues.count;
    this.events = new Int32Array(lines + tables.ces * THREADS);
    this.routerList = new Int32Array(tables.routers.length);
    this.routerNext = new Int32Array(tables.routers.length);
    this.ceList = new Int32Array(tables.ces + 1);
    this.ceNext = new Int32Array(tables.ces + 1);
  }

  start(slot: number, op: VectorOp): void {
    const { inputs, outputs } = this.tables.nodes;
    const { ops } = this;
    const o = slot * CE_LINE;
    ops[o + INPUT] = op.input < 0 ? -1 : outputs[op.input * PORT_COUNT + RAMP]! * LINE;
    ops[o + OUTPUT] = op.output < 0 ? -1 : inputs[op.output * PORT_COUNT + RAMP]! * LINE;
    ops[o + OFFSET] = op.offset;
    ops[o + LEFT] = op.count;
    ops[o + FOLDING] = op.fold;
    ops[o + STORE] = op.store ? 1 : 0;
    ops[o + LAST_MARK] = op.lastMark;
    this.restless = 1;
    const c = (slot >> 3) * CE_LINE;
    this.ces[c + THREAD_MASK]! |= 1 << (slot & 7);
    this.ces[c + READY]! |= 1 << (slot & 7);
    if (this.ces[c + AWAKE] === 0) this.wakeCe(c);
  }

  step(): number {
    this.ended.length = 0;
    this.eventCount = 0;
    this.restless = 0;
    const moved = this.stepRouters() + this.stepCes();
    this.now++;
    return moved;
  }

  leap(most: number): number {
    if (this.restless !== 0 || this.eventCount === 0 || this.observer !== null || this.ended.length > 0)
      return 0;
    if (this.patience > 0) {
      this.patience--;
      return 0;
    }
    this.leaper ??= new Leaper(this, this.tables.queues.count, this.tables.ces);
    const cycles = this.leaper.leap(this.events, this.eventCount, this.now, most);
    if (cycles === 0) {
      this.failures = Math.min(this.failures + 1, MAX_PATIENCE);
      this.patience = this.failures;
      return 0;
    }
    this.failures = 0;
    this.now += cycles;
    this.lastReady = Math.max(this.lastReady, this.now + this.tables.longestLatency);
    return cycles;
  }

  private stepRouters(): number {
    const list = this.routerNext;
    const count = this.routerNextCount;
    this.routerNext = this.routerList;
    this.routerList = list;
    this.routerNextCount = 0;
    this.reorder?.(list.subarray(0, count));
    const { routers, now } = this;
    let moved = 0;
    for (let n = 0; n < count; n++) {
      const r = list[n]!;
      const alone = routers[r + MASK]!;
      let answer = ASLEEP;
      if (routers[r + GROUPS] === 1 && (alone & (alone - 1)) === 0) {
        if (alone !== 0) answer = this.forward(r, 31 - Math.clz32(alone));
        moved += answer & MOVED;
      } else {
        const groups = routers[r + GROUPS]!;
        for (let g = 0; g < groups; g++) {
          // Who goes first rotates with the cycle, so no color starves another.
          const group = (g + now) % groups;
          let bits = routers[r + MASK + group]!;
          const early = (bits >>> (now & 31)) << (now & 31);
          let late = bits ^ early;
          for (bits = early; ; bits = late, late = 0) {
            while (bits !== 0) {
              const low = bits & -bits;
              bits ^= low;
              const one = this.forward(r, group * 32 + 31 - Math.clz32(low));
              moved += one & MOVED;
              answer |= one;
            }
            if (late === 0) break;
          }
        }
      }
      if ((answer & SOON) !== 0) this.restless = 1;
      if (answer !== ASLEEP) this.routerNext[this.routerNextCount++] = r;
      else routers[r + AWAKE] = 0;
    }
    return moved;
  }

  /**
   * Moves the head of a queue to all its outputs if every one has its link free and a place left. A place that was
   * freed in this cycle still counts as taken. The check of places stands here twice and in `work` once: as a function
   * of its own it costs 15 % of the speed (measured with bench/fabric-speed.mjs, Node 20).
   */
  private forward(r: number, place: number): number {
    const { q, routers, now } = this;
    const i = (routers[r + FIRST_QUEUE]! + place) << 4;
    const pops = q[i + POPS]!;
    const at = q[i + RING]! + ((pops & q[i + WRAP]!) << 1);
    const stamp = q[at + 1]!;
    if (stamp >> 2 > now) return SOON;
    const out = q[i + OUT]!;
    if (out >= 0) {
      const held = q[out + PUSHES]! - q[out + POPS]!;
      if (q[out + POPPED] === now) {
        if (held + 1 >= q[out + CAPACITY]!) return SOON;
      } else if (held >= q[out + CAPACITY]!) return ASLEEP;
      const link = q[out + LINK]!;
      if (routers[link] === now) return this.giveWay();
      routers[link] = now;
      this.push(out, q[at]!, now, stamp & MARK.control, at);
    } else {
      if (out === SHUT) return ASLEEP;
      const { fan } = this;
      const row = (-2 - out) << 3;
      const last = row + fan[row]!;
      for (let k = row + 1; k <= last; k++) {
        const o = fan[k]!;
        const held = q[o + PUSHES]! - q[o + POPS]!;
        if (q[o + POPPED] === now) {
          if (held + 1 >= q[o + CAPACITY]!) return SOON;
        } else if (held >= q[o + CAPACITY]!) return ASLEEP;
        if (routers[q[o + LINK]!] === now) return this.giveWay();
      }
      for (let k = row + 1; k <= last; k++) {
        const o = fan[k]!;
        routers[q[o + LINK]!] = now;
        this.push(o, q[at]!, now, stamp & MARK.control, at);
      }
    }
    q[i + POPS] = pops + 1;
    q[i + POPPED] = now;
    const held = q[i + PUSHES]! - pops;
    if (held === 1) routers[r + MASK + (place >> 5)]! &= ~(1 << (place & 31));
    // Only a full queue has somebody waiting for a place.
    if (held >= q[i + CAPACITY]!) this.wakeSender(i);
    this.events[this.eventCount++] = i;
    if ((stamp & 3) !== 0) this.turn(this.tables.queues.node[i >> 4]!);
    return MOVED;
  }

  /** Puts a word into a queue whose link and place the caller has checked, and wakes its taker. */
  private push(o: number, word: number, now: number, mark: number, from: number): void {
    const { q, routers } = this;
    const pushes = q[o + PUSHES]!;
    const at = q[o + RING]! + ((pushes & q[o + WRAP]!) << 1);
    q[at] = word;
    q[at + 1] = ((now + q[o + LATENCY]!) << 2) | mark;
    q[o + PUSHES] = pushes + 1;
    const taker = q[o + TAKER]!;
    if (taker >= 0) {
      if (pushes === q[o + POPS]) {
        const place = q[o + PLACE]!;
        routers[taker + MASK + (place >> 5)]! |= 1 << (place & 31);
      }
      if (routers[taker + AWAKE] === 0) {
        routers[taker + AWAKE] = 1;
        this.routerNext[this.routerNextCount++] = taker;
      }
    } else {
      const ready = now + q[o + LATENCY]!;
      if (ready > this.lastReady) this.lastReady = ready;
      if (q[o + WAITERS] !== 0) this.wakeThreads(o, -1 - taker);
    }
    if (this.observer !== null && from >= 0) this.observe(o, at, from, word);
  }

  private stepCes(): number {
    const list = this.ceNext;
    const count = this.ceNextCount;
    this.ceNext = this.ceList;
    this.ceList = list;
    this.ceNextCount = 0;
    this.reorder?.(list.subarray(0, count));
    const { ces, now } = this;
    let moved = 0;
    for (let n = 0; n < count; n++) {
      const c = list[n]!;
      const active = ces[c + READY]!;
      let answer = ASLEEP;
      const turn = now & 7;
      const early = (active >>> turn) << turn;
      let late = active ^ early;
      for (let bits = early; ; bits = late, late = 0) {
        while (bits !== 0) {
          const low = bits & -bits;
          bits ^= low;
          const one = this.work(c, 31 - Math.clz32(low));
          moved += one & MOVED;
          answer |= one;
        }
        if (late === 0) break;
      }
      if ((answer & SOON) !== 0) this.restless = 1;
      if (answer !== ASLEEP) this.ceNext[this.ceNextCount++] = c;
      else ces[c + AWAKE] = 0;
    }
    return moved;
  }

  /** One word of a vector operation, if its input is there and its output has room. */
  private work(c: number, thread: number): number {
    const { ops, ces, q, now, words } = this;
    const s = (c << 3) + thread * CE_LINE;
    const input = ops[s + INPUT]!;
    const output = ops[s + OUTPUT]!;
    const fold = ops[s + FOLDING]!;
    let at = 0;
    if (input >= 0) {
      const pops = q[input + POPS]!;
      if (pops === q[input + PUSHES]) return this.sleep(c, thread, input);
      at = q[input + RING]! + ((pops & q[input + WRAP]!) << 1);
      if (q[at + 1]! >> 2 > now) return SOON;
    }
    if (output >= 0) {
      if (ces[c + RAMP_USED] === now) return this.giveWay();
      const held = q[output + PUSHES]! - q[output + POPS]!;
      if (q[output + POPPED] === now) {
        if (held + 1 >= q[output + CAPACITY]!) return SOON;
      } else if (held >= q[output + CAPACITY]!) return this.sleep(c, thread, output);
    }
    if (fold !== FOLD.copy) {
      if (ces[c + ALU_USED] === now) return this.giveWay();
      ces[c + ALU_USED] = now;
      ces[c + ALU_COUNT]!++;
    }
    const offset = ops[s + OFFSET]!;
    let word = 0;
    if (input >= 0) {
      word = q[at]!;
      if (fold === FOLD.addF32) {
        this.scratchFloat[0] = this.floats[offset]! + this.qFloats[at]!;
        word = this.scratchWord[0]!;
      } else if (fold !== FOLD.copy) {
        word = foldWord(fold, words[offset]!, word);
      }
      if (ops[s + STORE] !== 0) words[offset] = word;
      if (this.observer !== null) this.observeTake(c, input, at);
      const pops = q[input + POPS]!;
      q[input + POPS] = pops + 1;
      q[input + POPPED] = now;
      if (q[input + PUSHES]! - pops >= q[input + CAPACITY]!) this.wakeSender(input);
    } else {
      word = words[offset]!;
    }
    ops[s + OFFSET] = offset + 1;
    const left = ops[s + LEFT]! - 1;
    ops[s + LEFT] = left;
    if (output >= 0) {
      ces[c + RAMP_USED] = now;
      if (this.observer !== null) this.observePut(c, output, word);
      const ready = now + q[output + LATENCY]!;
      if (ready > this.lastReady) this.lastReady = ready;
      this.push(output, word, now, left === 0 ? ops[s + LAST_MARK]! : MARK.none, -1);
    }
    this.events[this.eventCount++] = -1 - s;
    if (left === 0) {
      ces[c + THREAD_MASK]! &= ~(1 << thread);
      ces[c + READY]! &= ~(1 << thread);
      this.ended.push(c + thread);
    }
    return MOVED;
  }

  private giveWay(): number {
    this.contended?.();
    return SOON;
  }

  /** A thread waits for something to come into a queue, or for a place in it. */
  private sleep(c: number, thread: number, queue: number): number {
    this.ces[c + READY]! &= ~(1 << thread);
    this.q[queue + WAITERS]! |= 1 << thread;
    return ASLEEP;
  }

  private wakeThreads(queue: number, c: number): void {
    this.ces[c + READY]! |= this.q[queue + WAITERS]!;
    this.q[queue + WAITERS] = 0;
    if (this.ces[c + AWAKE] === 0) this.wakeCe(c);
  }

  /** Whoever fills a queue that has a place again. */
  private wakeSender(queue: number): void {
    const sender = this.q[queue + SENDER]!;
    if (sender >= 0) this.wakeRouter(sender);
    else if (this.q[queue + WAITERS] !== 0) this.wakeThreads(queue, -1 - sender);
  }

  private wakeRouter(r: number): void {
    if (this.routers[r + AWAKE] !== 0) return;
    this.routers[r + AWAKE] = 1;
    this.routerNext[this.routerNextCount++] = r;
  }

  private wakeCe(c: number): void {
    this.ces[c + AWAKE] = 1;
    this.ceNext[this.ceNextCount++] = c;
  }

  turn(node: number): void {
    this.restless = 1;
    const { rx, ring } = shapeOf(this.tables, node);
    const next = this.position[node]! + 1;
    this.position[node] = next < rx.length ? next : ring ? 0 : rx.length - 1;
    if (this.packed.rowOf[node]! >= 0) this.openInputs(node);
    // A queue that was shut may be open now.
    this.wakeRouter(this.tables.nodes.router[node]! * LINE);
  }

  /** Lets the inputs of a node's switch position through, and shuts the others. */
  private openInputs(node: number): void {
    const { inputs } = this.tables.nodes;
    const position = this.position[node]!;
    const row = this.packed.rowOf[node]! + position;
    const out = this.fan[row * FAN_LINE] === 1 ? this.fan[row * FAN_LINE + 1]! : -2 - row;
    const open = shapeOf(this.tables, node).rx[position]!;
    for (let port = 0; port < PORT_COUNT; port++) {
      const queue = inputs[node * PORT_COUNT + port]!;
      if (queue >= 0) this.q[queue * LINE + OUT] = open & (1 << port) ? out : SHUT;
    }
  }

  // ── Seen from outside ─────────────────────────────────────────────────────────────────────────────────────

  private observePut(c: number, output: number, word: number): void {
    const at = this.q[output + RING]! + ((this.q[output + PUSHES]! & this.q[output + WRAP]!) << 1);
    const ce = c / CE_LINE;
    const id = this.sent[ce]!++ * this.tables.ces + ce;
    this.identity[at] = id;
    this.observer?.put?.(this.now, ce, this.colorOf(output), word, id);
  }

  private observeTake(c: number, input: number, at: number): void {
    this.observer?.take?.(this.now, c / CE_LINE, this.colorOf(input), this.q[at]!, this.identity[at]!);
  }

  private colorOf(queue: number): number {
    const { nodes, queues } = this.tables;
    return nodes.color[queues.node[queue / LINE]!]!;
  }

  private observe(o: number, at: number, from: number, word: number): void {
    const link = this.tables.queues.link[o / LINE]!;
    this.identity[at] = this.identity[from]!;
    this.observer?.hop(this.now, link, this.colorOf(o), word, this.identity[from]!);
  }

  aluCycles(ce: number): number {
    return this.ces[ce * CE_LINE + ALU_COUNT]!;
  }

  remaining(slot: number): number {
    const active = this.ces[(slot >> 3) * CE_LINE + THREAD_MASK]! & (1 << (slot & 7));
    return active === 0 ? 0 : this.ops[slot * CE_LINE + LEFT]!;
  }

  linkLoads(): Float64Array {
    return linkLoads(this.tables, this.packed);
  }

  counters(): Counters {
    return counters(this.tables, this.packed);
  }

  inFlight(): number {
    return inFlight(this.tables, this.packed);
  }

  contents(): QueueContent[] {
    return contents(this.tables, this.packed);
  }
}
