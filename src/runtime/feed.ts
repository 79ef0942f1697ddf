/**
 * What flows from the leader to the engine while requests run: a ring of records in shared memory with one writer and
 * one reader. A record is [words, request, kind, payload ...].
 */

/** Counts turns: the reader sleeps on it. */
const TURN = 0;
/** Words written and read since the start. */
const WRITTEN = 1;
const READ = 2;
/** Calls that the engine has made to the leader; the leader looks at it between steps. */
const MAIL = 3;
const RING = 16;
/** A power of two. */
const ringWords = 1 << 16;

/** Payload: a token id, then if asked for its log-probability (f32 bits) and pairs of id and f32 bits. */
export const FEED_TOKEN = 0;
/** Payload: prompt tokens done. */
export const FEED_PREFILL = 1;
/** Payload: requests in front; with 0, prompt tokens found in the prefix cache. */
export const FEED_QUEUE = 2;
/** The request waits for a draft of what comes next; no payload. */
export const FEED_DRAFT = 3;

/** Places in the shared counters. */
export const STAT = {
  running: 0,
  waiting: 1,
  waitingTokens: 2,
  usedPages: 3,
  cachedPages: 4,
  preemptions: 5,
  prefixQueryTokens: 6,
  prefixHitTokens: 7,
  steps: 8,
  promptTokens: 9,
  generatedTokens: 10,
} as const;

/**
 * The reader is woken no more often than this unless it is urgent. Its thread needs a core that the workers are using,
 * so waking it for each of a thousand tokens a second would slow them all down; a person does not see 8 ms.
 */
const wakeMs = 8;
/** How often the ring is looked at where `Atomics.waitAsync` does not work. */
const pollMs = 1;
/** Bounds how late anything unforeseen is noticed. */
const longestWaitMs = 1000;

/** The memory of a feed, on which both sides are made; not shared where they are on one thread. */
export interface FeedMemory {
  readonly words: Int32Array;
  readonly stats: Float64Array;
}

export function createFeed(isShared: boolean): FeedMemory {
  const buffer = (bytes: number): ArrayBufferLike =>
    isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  return {
    words: new Int32Array(buffer(4 * (RING + ringWords))),
    stats: new Float64Array(buffer(8 * Object.keys(STAT).length)),
  };
}

/** Both sides are on one thread: neither can sleep until the other has done something. */
function isOneThread({ buffer }: Int32Array): boolean {
  return buffer instanceof ArrayBuffer;
}

/** The leader's end. */
export class FeedWriter {
  readonly stats: Float64Array;
  private readonly words: Int32Array;
  private lastTurnMs = 0;
  private isStale: boolean = false;

  constructor({ words, stats }: FeedMemory) {
    this.words = words;
    this.stats = stats;
  }

  /** The reader gets its turn only when the writer's thread is left to it. */
  get isOneThread(): boolean {
    return isOneThread(this.words);
  }

  /** Calls that the engine has made so far. */
  get mail(): number {
    return Atomics.load(this.words, MAIL);
  }

  /** Appends a record; waits while the ring is full, which is when the reader's thread is busy with other things. */
  write(request: number, kind: number, payload: readonly number[]): void {
    const { words } = this;
    const size = payload.length + 3;
    const written = Atomics.load(words, WRITTEN);
    for (;;) {
      const read = Atomics.load(words, READ);
      if (((written - read) | 0) + size <= ringWords) break;
      this.turn(true);
      Atomics.wait(words, READ, read, longestWaitMs);
    }
    const put = (i: number, value: number): void => {
      words[RING + ((written + i) & (ringWords - 1))] = value;
    };
    put(0, size);
    put(1, request);
    put(2, kind);
    for (let i = 0; i < payload.length; i++) put(3 + i, payload[i]!);
    Atomics.store(words, WRITTEN, (written + size) | 0);
    this.isStale = true;
  }

  /** Wakes the reader if there is something new: at once if `isUrgent`, else when it was woken long enough ago. */
  turn(isUrgent: boolean): void {
    if (!this.isStale) return;
    const now = performance.now();
    if (!isUrgent && now - this.lastTurnMs < wakeMs) return;
    this.lastTurnMs = now;
    this.isStale = false;
    Atomics.add(this.words, TURN, 1);
    Atomics.notify(this.words, TURN);
  }
}

/** The engine's end. */
export class FeedReader {
  readonly stats: Float64Array;
  private readonly words: Int32Array;

  constructor({ words, stats }: FeedMemory) {
    this.words = words;
    this.stats = stats;
  }

  get turn(): number {
    return Atomics.load(this.words, TURN);
  }

  /** Tells the leader that a call is on its way to it. */
  mail(): void {
    Atomics.add(this.words, MAIL, 1);
  }

  /** Hands over all records that there are: `payload` is only good during the call. */
  drain(take: (request: number, kind: number, payload: Int32Array) => void): void {
    const { words } = this;
    const written = Atomics.load(words, WRITTEN);
    let read = Atomics.load(words, READ);
    const at = (i: number): number => words[RING + ((read + i) & (ringWords - 1))]!;
    while (read !== written) {
      const size = at(0);
      take(
        at(1),
        at(2),
        Int32Array.from({ length: size - 3 }, (_, i) => at(3 + i)),
      );
      read = (read + size) | 0;
    }
    Atomics.store(words, READ, read);
    Atomics.notify(words, READ);
  }

  /** Wakes whoever waits in `turned`. */
  wake(): void {
    Atomics.add(this.words, TURN, 1);
    Atomics.notify(this.words, TURN);
  }

  /** Resolves when the writer has turned since `turn`. */
  async turned(turn: number): Promise<void> {
    if (typeof Atomics.waitAsync === 'function' && !isOneThread(this.words)) {
      const wait = Atomics.waitAsync(this.words, TURN, turn, longestWaitMs);
      if (wait.async) await wait.value;
      return;
    }
    while (this.turn === turn) await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
