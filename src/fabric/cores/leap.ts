/**
 * Many cycles of the fast core at once. When in one cycle every wavelet that moved was replaced by the next one of
 * its stream, the following cycles repeat it until an operation ends: streams that flow at full rate. Then the
 * words need not go from queue to queue one by one: each queue passes k words on in a block. The state
 * after the leap is what k steps would have left, stamps included; tests hold it equal to the plain core.
 */

import { foldWord } from '../local/folds.js';
import { FOLD, THREADS } from './core.js';
import {
  ALU_COUNT,
  CAPACITY,
  CE_LINE,
  FOLDING,
  INPUT,
  LATENCY,
  LEFT,
  OFFSET,
  OUT,
  OUTPUT,
  POPPED,
  POPS,
  PUSHES,
  RING,
  STORE,
  TAKER,
  WRAP,
} from './words.js';

/** The arrays of the fast core that streams live in; words.ts tells what stands where. */
export interface StreamState {
  readonly q: Int32Array;
  readonly ops: Int32Array;
  readonly ces: Int32Array;
  readonly fan: Int32Array;
  readonly words: Int32Array;
  readonly floats: Float32Array;
}

/** Words of scratch: the blocks of one leap. */
const ARENA_WORDS = 1 << 20;
/** Room in front of a block for the words of the queues that it passes, MAX_HELD at most each. */
const HEADROOM = 64;
const MAX_HELD = 8;
/** Below this a leap costs more than the steps. */
const MIN_CYCLES = 24;

/** Reusable room for leaps of one core. */
export class Leaper {
  private readonly state: StreamState;
  private arena = new Int32Array(0);
  private arenaFloats = new Float32Array(0);
  /** Which event pushed into a queue (by line), valid where `stamp` is the number of this leap. */
  private readonly pusher: Int32Array;
  private readonly stamp: Int32Array;
  private readonly order: Int32Array;
  private readonly rank: Int32Array;
  /** The block that arrives in a queue: array and first word. */
  private readonly blocks: (Int32Array | null)[];
  private readonly blockAt: Int32Array;
  /** Below this place nothing may be written in front of the block. */
  private readonly floors: Int32Array;
  /** The operation of each CE that was seen first in this leap, and in which leap. */
  private readonly firstOp: Int32Array;
  private readonly firstOpLeap: Int32Array;
  private readonly secondOp: Int32Array;
  private leaps = 0;
  /** At most so many blocks of this leap need words of their own. */
  private copies = 0;

  constructor(state: StreamState, lines: number, ces: number) {
    const slots = ces * THREADS;
    this.state = state;
    this.pusher = new Int32Array(lines);
    this.stamp = new Int32Array(lines);
    this.order = new Int32Array(lines + slots);
    this.rank = new Int32Array(lines + slots);
    this.blocks = Array<Int32Array | null>(lines).fill(null);
    this.blockAt = new Int32Array(lines);
    this.floors = new Int32Array(lines);
    this.firstOp = new Int32Array(ces);
    this.firstOpLeap = new Int32Array(ces);
    this.secondOp = new Int32Array(ces);
  }

  /**
   * Leaps over at most `most` cycles, given what moved in the cycle before `now`: `events` holds offsets of queues
   * that passed a wavelet on, and -1 - offset of operations that did a word. Returns the cycles leapt, 0 if the
   * state does not repeat.
   */
  leap(events: Int32Array, count: number, now: number, most: number): number {
    const longest = this.longest(events, count, now);
    const cycles = Math.min(most, longest, Math.floor(ARENA_WORDS / (this.copies + 2)) - HEADROOM);
    if (cycles < MIN_CYCLES || !this.sort(events, count)) return 0;
    if (this.arena.length === 0) {
      this.arena = new Int32Array(ARENA_WORDS);
      this.arenaFloats = new Float32Array(this.arena.buffer);
    }
    let room = 0;
    for (let n = 0; n < count; n++) {
      const event = events[this.order[n]!]!;
      room = event >= 0 ? this.pass(event, cycles, now, room) : this.work(-1 - event, cycles, now, room);
    }
    return cycles;
  }

  /** How many cycles repeat the last one; 0 when a queue fills or drains, or marks are on their way. */
  private longest(events: Int32Array, count: number, now: number): number {
    const { q, ops, fan } = this.state;
    const last = now - 1;
    this.leaps++;
    let most = Number.MAX_SAFE_INTEGER;
    let pops = 0;
    let pushes = 0;
    this.copies = Math.ceil((count * MAX_HELD) / HEADROOM);
    for (let n = 0; n < count; n++) {
      const event = events[n]!;
      if (event >= 0) {
        pops++;
        const out = q[event + OUT]!;
        if (out >= 0) {
          if (!this.refilled(out, n, last)) return 0;
          pushes++;
        } else {
          const row = (-2 - out) << 3;
          for (let k = row + 1; k <= row + fan[row]!; k++) {
            if (!this.refilled(fan[k]!, n, last)) return 0;
            pushes++;
          }
          // A CE reads its copy where it is; every further link needs one of its own.
          for (let k = row + 2; k <= row + fan[row]!; k++) if (q[fan[k]! + TAKER]! >= 0) this.copies++;
        }
      } else {
        const s = -1 - event;
        most = Math.min(most, ops[s + LEFT]! - 1);
        if (ops[s + INPUT]! >= 0) pops++;
        if (ops[s + OUTPUT]! >= 0) {
          if (!this.refilled(ops[s + OUTPUT]!, n, last)) return 0;
          pushes++;
          this.copies++;
        }
      }
      if (most < MIN_CYCLES) return 0;
    }
    return pops === pushes && most !== Number.MAX_SAFE_INTEGER && this.disjoint(events, count, most)
      ? most
      : 0;
  }

  /** The queue was popped in the same cycle, and its words will be ready one by one from now on. */
  private refilled(o: number, event: number, last: number): boolean {
    const { q } = this.state;
    if (q[o + POPPED] !== last) return false;
    this.pusher[o >> 4] = event;
    this.stamp[o >> 4] = this.leaps;
    const held = q[o + PUSHES]! - q[o + POPS]!;
    if (held < q[o + LATENCY]! || held >= q[o + CAPACITY]! || held > MAX_HELD) return false;
    for (let m = 0; m < held; m++) {
      const stamp = q[q[o + RING]! + (((q[o + POPS]! + m) & q[o + WRAP]!) << 1) + 1]!;
      if ((stamp & 3) !== 0 || stamp >> 2 > last + 1 + m) return false;
    }
    return true;
  }

  /** No two operations of one CE walk over the same words. */
  private disjoint(events: Int32Array, count: number, cycles: number): boolean {
    const { ops } = this.state;
    for (let n = 0; n < count; n++) {
      const event = events[n]!;
      if (event >= 0) continue;
      const s = -1 - event;
      const ce = Math.floor(s / (THREADS * CE_LINE));
      if (this.firstOpLeap[ce] !== this.leaps) {
        this.firstOpLeap[ce] = this.leaps;
        this.firstOp[ce] = s;
        this.secondOp[ce] = -1;
      } else if (this.secondOp[ce] !== -1) {
        // Three streams at once on one CE are rare: step by step, then.
        return false;
      } else {
        this.secondOp[ce] = s;
        if (Math.abs(ops[s + OFFSET]! - ops[this.firstOp[ce]! + OFFSET]!) < cycles) return false;
      }
    }
    return true;
  }

  /** Orders the events so that who fills a queue comes before who empties it; false if they run in a circle. */
  private sort(events: Int32Array, count: number): boolean {
    const { ops } = this.state;
    const { rank, order } = this;
    rank.fill(0, 0, count);
    const chain: number[] = [];
    let sorted = 0;
    for (let n = 0; n < count; n++) {
      let event = n;
      // Everyone has at most one source: follow it upstream to one that is sorted already, or has none.
      while (rank[event] === 0) {
        rank[event] = 1;
        chain.push(event);
        const source = events[event]! >= 0 ? events[event]! : ops[-1 - events[event]! + INPUT]!;
        if (source < 0) break;
        if (this.stamp[source >> 4] !== this.leaps) return false;
        event = this.pusher[source >> 4]!;
        if (rank[event] === 1) return false;
      }
      for (let next = chain.pop(); next !== undefined; next = chain.pop()) {
        order[sorted++] = next;
        rank[next] = 2;
      }
    }
    return true;
  }

  /** Counts k words through queue `i`; its last words were pushed in the last cycles of the leap. */
  private count(i: number, cycles: number, now: number): number {
    const { q } = this.state;
    const held = q[i + PUSHES]! - q[i + POPS]!;
    q[i + POPS]! += cycles;
    q[i + PUSHES]! += cycles;
    q[i + POPPED] = now + cycles - 1;
    return held;
  }

  /** Leaves the last `held` words of what arrived, `block[end - held, end)`, in queue `i`. */
  private refill(i: number, held: number, block: Int32Array, end: number, last: number): void {
    const { q } = this.state;
    const [pops, ring, wrap, latency] = [q[i + POPS]!, q[i + RING]!, q[i + WRAP]!, q[i + LATENCY]!];
    for (let m = 0; m < held; m++) {
      const place = ring + (((pops + m) & wrap) << 1);
      q[place] = block[end - held + m]!;
      q[place + 1] = (last + 1 - held + m + latency) << 2;
    }
  }

  /** The words in queue `i` before the leap, into `into` from `at` on. */
  private spill(i: number, held: number, pops: number, into: Int32Array, at: number): void {
    const { q } = this.state;
    const [ring, wrap] = [q[i + RING]!, q[i + WRAP]!];
    for (let m = 0; m < held; m++) into[at + m] = q[ring + (((pops + m) & wrap) << 1)]!;
  }

  private give(o: number, block: Int32Array, at: number, floor: number): void {
    this.blocks[o >> 4] = block;
    this.blockAt[o >> 4] = at;
    this.floors[o >> 4] = floor;
  }

  /** A router passes k words on: those it held and then those that arrive, which mostly stay where they are. */
  private pass(i: number, cycles: number, now: number, room: number): number {
    const { q, fan } = this.state;
    const { arena } = this;
    const pops = q[i + POPS]!;
    const held = this.count(i, cycles, now);
    let block = this.blocks[i >> 4]!;
    let at = this.blockAt[i >> 4]!;
    let floor = this.floors[i >> 4]!;
    let end = room;
    if (at - held < floor) {
      // No room in front of the block, or others read from there: make a copy with room.
      arena.set(block.subarray(at, at + cycles), room + HEADROOM);
      block = arena;
      at = room + HEADROOM;
      floor = room;
      end = room + HEADROOM + cycles;
    }
    // What the queue holds afterwards is the end of the block; what it held goes in front.
    const first = at - held;
    this.spill(i, held, pops, arena, first);
    this.refill(i, held, block, at + cycles, now + cycles - 1);
    const out = q[i + OUT]!;
    if (out >= 0) {
      this.give(out, block, first, floor);
    } else {
      const row = (-2 - out) << 3;
      const count = fan[row]!;
      // Only one of the copies may write in front of the shared block.
      for (let k = 1; k <= count; k++) this.give(fan[row + k]!, block, first, k === 1 ? floor : block.length);
    }
    return end;
  }

  /** A CE works off k words of an operation. */
  private work(s: number, cycles: number, now: number, room: number): number {
    const { q, ops, ces, words, floats } = this.state;
    const { arena, arenaFloats } = this;
    const [input, output, fold, offset] = [
      ops[s + INPUT]!,
      ops[s + OUTPUT]!,
      ops[s + FOLDING]!,
      ops[s + OFFSET]!,
    ];
    const store = ops[s + STORE] !== 0;
    ops[s + OFFSET] = offset + cycles;
    ops[s + LEFT]! -= cycles;
    if (input < 0) {
      this.give(output, words, offset, words.length);
      return room;
    }
    if (fold !== FOLD.copy) ces[Math.floor(s / (THREADS * CE_LINE)) * CE_LINE + ALU_COUNT]! += cycles;
    const pops = q[input + POPS]!;
    const held = this.count(input, cycles, now);
    const block = this.blocks[input >> 4]!;
    const at = this.blockAt[input >> 4]!;
    const start = room + HEADROOM;
    this.spill(input, held, pops, arena, start);
    this.refill(input, held, block, at + cycles, now + cycles - 1);
    if (fold === FOLD.copy && output < 0) {
      words.set(arena.subarray(start, start + held), offset);
      words.set(block.subarray(at, at + cycles - held), offset + held);
      return room;
    }
    arena.set(block.subarray(at, at + cycles - held), start + held);
    if (fold === FOLD.addF32) {
      for (let k = 0; k < cycles; k++) arenaFloats[start + k] = floats[offset + k]! + arenaFloats[start + k]!;
    } else if (fold !== FOLD.copy) {
      for (let k = 0; k < cycles; k++)
        arena[start + k] = foldWord(fold, words[offset + k]!, arena[start + k]!);
    }
    if (store) words.set(arena.subarray(start, start + cycles), offset);
    if (output < 0) return room;
    this.give(output, arena, start, room);
    return start + cycles;
  }
}
