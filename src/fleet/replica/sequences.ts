/** Requests in flight, as columns: a slot is used again as soon as its request has ended. */

/** Where a request is. A slot that is `FREE` belongs to nobody. */
export const FREE = 0;
export const WAITING = 1;
/** Its prompt is being taken in. */
export const PROMPT = 2;
/** Its prompt is on its way through the rest of a pipeline. */
export const DRAIN = 3;
export const DECODE = 4;
/** Its cache is on its way to another copy of the model. */
export const TRANSFER = 5;

export const NONE = -1;

const INITIAL = 1024;

export class Sequences {
  state = new Uint8Array(INITIAL);
  /** 0 interactive, 1 batch. */
  tier = new Uint8Array(INITIAL);
  arrival = new Float64Array(INITIAL);
  firstScheduled = new Float64Array(INITIAL);
  firstToken = new Float64Array(INITIAL);
  lastToken = new Float64Array(INITIAL);
  /** What the way to the server and back adds, fixed when the first token leaves. */
  overhead = new Float64Array(INITIAL);
  prompt = new Int32Array(INITIAL);
  output = new Int32Array(INITIAL);
  generated = new Int32Array(INITIAL);
  /** Tokens to take in before the next one can be made: the prompt and what was generated before a restart. */
  target = new Int32Array(INITIAL);
  done = new Int32Array(INITIAL);
  /** Of the prompt, when it was first scheduled. */
  cached = new Int32Array(INITIAL);
  /** Tokens of KV memory that no other sequence shares, as of the last time they were counted. */
  ownTokens = new Int32Array(INITIAL);
  /** Blocks of the prefix cache that it holds, from the first on. */
  heldBlocks = new Int32Array(INITIAL);
  /** Blocks by number: `hashes[hashStart + i] + hashBase`, or `hashBase + i` where there is no list. */
  hashStart = new Int32Array(INITIAL);
  hashBase = new Int32Array(INITIAL);
  /** Whether the blocks of the answer are known too, because a later turn will begin with them. */
  continues = new Uint8Array(INITIAL);
  hasPrefix = new Uint8Array(INITIAL);
  /** Decoding steps of its replica: when it joined them and when it will have its last token. */
  joined = new Float64Array(INITIAL);
  ends = new Float64Array(INITIAL);
  /** Tokens in its cache when it joined, the one being worked on among them. */
  context = new Int32Array(INITIAL);
  replica = new Int32Array(INITIAL);
  /** Changes when it starts again, so that events of its former life are known. */
  life = new Int32Array(INITIAL);
  /** What the source wants to hear again when it ends. */
  task = new Int32Array(INITIAL);
  next = new Int32Array(INITIAL);
  before = new Int32Array(INITIAL);
  after = new Int32Array(INITIAL);
  place = new Int32Array(INITIAL);
  private free: number[] = [];
  private used = 0;

  get live(): number {
    return this.used - this.free.length;
  }

  get capacity(): number {
    return this.state.length;
  }

  take(): number {
    const slot = this.free.pop() ?? this.used++;
    if (slot === this.capacity) this.grow();
    this.state[slot] = WAITING;
    this.firstScheduled[slot] = Number.NaN;
    this.firstToken[slot] = Number.NaN;
    this.overhead[slot] = 0;
    this.generated[slot] = 0;
    this.done[slot] = 0;
    this.cached[slot] = 0;
    this.ownTokens[slot] = 0;
    this.heldBlocks[slot] = 0;
    this.replica[slot] = NONE;
    this.life[slot] = this.life[slot]! + 1;
    this.next[slot] = NONE;
    this.before[slot] = NONE;
    this.after[slot] = NONE;
    this.place[slot] = NONE;
    return slot;
  }

  release(slot: number): void {
    if (this.state[slot] === FREE) throw new Error(`request in slot ${slot} ended twice`);
    this.state[slot] = FREE;
    this.life[slot] = this.life[slot]! + 1;
    this.free.push(slot);
  }

  private grow(): void {
    const size = this.capacity * 2;
    for (const [key, column] of Object.entries(this)) {
      if (!ArrayBuffer.isView(column)) continue;
      const wider = wide(column as Column, size);
      Object.assign(this, { [key]: wider });
    }
  }
}

type Column = Uint8Array | Int32Array | Float64Array;

function wide(column: Column, size: number): Column {
  const wider: Column =
    column instanceof Float64Array
      ? new Float64Array(size)
      : column instanceof Int32Array
        ? new Int32Array(size)
        : new Uint8Array(size);
  wider.set(column);
  return wider;
}

/** A first-in-first-out list of slots through `next`, which also takes one back at its head. */
export class SlotQueue {
  private readonly sequences: Sequences;
  private head = NONE;
  private tail = NONE;
  private count = 0;

  constructor(sequences: Sequences) {
    this.sequences = sequences;
  }

  get size(): number {
    return this.count;
  }

  get first(): number {
    return this.head;
  }

  push(slot: number): void {
    const { next } = this.sequences;
    next[slot] = NONE;
    if (this.tail === NONE) this.head = slot;
    else next[this.tail] = slot;
    this.tail = slot;
    this.count++;
  }

  unshift(slot: number): void {
    this.sequences.next[slot] = this.head;
    this.head = slot;
    if (this.tail === NONE) this.tail = slot;
    this.count++;
  }

  shift(): number {
    const slot = this.head;
    if (slot === NONE) return NONE;
    this.head = this.sequences.next[slot]!;
    if (this.head === NONE) this.tail = NONE;
    this.count--;
    return slot;
  }
}

/** Sequences with a place in the batch or memory of one copy, oldest first, through `before` and `after`. */
export class Residents {
  /** How many are of the batch tier. */
  ofBatchTier = 0;
  private readonly sequences: Sequences;
  private first = NONE;
  private last = NONE;

  constructor(sequences: Sequences) {
    this.sequences = sequences;
  }

  get isEmpty(): boolean {
    return this.first === NONE;
  }

  all(): number[] {
    const slots: number[] = [];
    for (let slot = this.first; slot !== NONE; slot = this.sequences.after[slot]!) slots.push(slot);
    return slots;
  }

  /** The newest of a tier that is in the batch; NONE when there is none. */
  newest(tier: number): number {
    const s = this.sequences;
    let slot = this.last;
    while (slot !== NONE && (s.tier[slot] !== tier || s.state[slot]! > DECODE)) slot = s.before[slot]!;
    return slot;
  }

  enter(slot: number): void {
    const { before, after, tier } = this.sequences;
    this.ofBatchTier += tier[slot]!;
    before[slot] = this.last;
    after[slot] = NONE;
    if (this.last === NONE) this.first = slot;
    else after[this.last] = slot;
    this.last = slot;
  }

  leave(slot: number): void {
    const { before, after, tier } = this.sequences;
    this.ofBatchTier -= tier[slot]!;
    const older = before[slot]!;
    const newer = after[slot]!;
    if (older === NONE) this.first = newer;
    else after[older] = newer;
    if (newer === NONE) this.last = older;
    else before[newer] = older;
  }
}

/** Decoding sequences by the step in which they end; any of them can leave. */
export class EndHeap {
  private readonly sequences: Sequences;
  private heap = new Int32Array(64);
  private count = 0;

  constructor(sequences: Sequences) {
    this.sequences = sequences;
  }

  get size(): number {
    return this.count;
  }

  get first(): number {
    return this.heap[0]!;
  }

  push(slot: number): void {
    if (this.count === this.heap.length) {
      const wider = new Int32Array(this.count * 2);
      wider.set(this.heap);
      this.heap = wider;
    }
    this.up(this.count++, slot);
  }

  remove(slot: number): void {
    const { place } = this.sequences;
    const hole = place[slot]!;
    place[slot] = NONE;
    const last = this.heap[--this.count]!;
    if (last === slot) return;
    this.up(hole, last);
    this.down(place[last]!, last);
  }

  private up(start: number, slot: number): void {
    const { heap } = this;
    const { ends, place } = this.sequences;
    const end = ends[slot]!;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = heap[parent]!;
      if (ends[other]! <= end) break;
      heap[at] = other;
      place[other] = at;
      at = parent;
    }
    heap[at] = slot;
    place[slot] = at;
  }

  private down(start: number, slot: number): void {
    const { heap } = this;
    const { ends, place } = this.sequences;
    const end = ends[slot]!;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.count) break;
      if (child + 1 < this.count && ends[heap[child + 1]!]! < ends[heap[child]!]!) child++;
      const other = heap[child]!;
      if (ends[other]! >= end) break;
      heap[at] = other;
      place[other] = at;
      at = child;
    }
    heap[at] = slot;
    place[slot] = at;
  }
}
