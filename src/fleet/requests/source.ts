/** Where requests come from: each source gives them in the order of their times, and hears when one has ended. */
import type { Rng } from '../../core/rng.js';
import { EventHeap } from '../heaps.js';
import { type ArrivalSpec, arrivalTimes } from './arrivals.js';
import { type LengthSampler, type LengthSpec, lengthSampler } from './lengths.js';
import type { Trace } from './traces.js';

/** The next request, in a record that the source fills and the fleet reads at once. */
export interface Arrival {
  promptTokens: number;
  outputTokens: number;
  tier: 0 | 1;
  /** Block i of its prefix: `hashes[hashStart + i] + hashBase`, or `hashBase + i` when `hashStart` is -1. */
  hashStart: number;
  hashBase: number;
  hasPrefix: boolean;
  /** Whether a later request will begin with this one's prompt and answer. */
  continues: boolean;
  /** Given back to the source when the request ends. */
  task: number;
}

/** What the client saw of a request; times are its own. */
export interface Outcome {
  readonly isRejected: boolean;
  readonly time: number;
  readonly ttft: number;
  readonly decode: number;
}

export interface RequestSource {
  readonly hashes: Int32Array;
  /** When the next request comes, in seconds; Infinity while none is known. */
  nextTime(): number;
  take(into: Arrival): void;
  ended(task: number, outcome: Outcome): void;
}

export function emptyArrival(): Arrival {
  return {
    promptTokens: 0,
    outputTokens: 0,
    tier: 0,
    hashStart: -1,
    hashBase: 0,
    hasPrefix: false,
    continues: false,
    task: -1,
  };
}

export const NO_HASHES = new Int32Array(0);

/** Requests that come on their own: a process of arrivals, lengths drawn for each. */
export class OpenSource implements RequestSource {
  readonly hashes = NO_HASHES;
  private readonly times: () => number;
  private readonly lengths: LengthSampler;
  private readonly batchShare: number;
  private readonly rng: Rng;
  private left: number;
  private next: number;

  constructor(requests: number, arrivals: ArrivalSpec, lengths: LengthSpec, batchShare: number, rng: Rng) {
    this.left = requests;
    this.times = arrivalTimes(arrivals, rng);
    this.lengths = lengthSampler(lengths, rng);
    this.batchShare = batchShare;
    this.rng = rng;
    this.next = requests > 0 ? this.times() : Infinity;
  }

  nextTime(): number {
    return this.next;
  }

  take(into: Arrival): void {
    this.lengths(into);
    into.tier = this.batchShare > 0 && this.rng.next() < this.batchShare ? 1 : 0;
    into.hasPrefix = false;
    this.next = --this.left > 0 ? this.times() : Infinity;
  }

  ended(): void {
    // Nobody waits for an answer here.
  }
}

/** A trace at `rateScale` times its speed, one repetition after another; each repetition has blocks of its own. */
export class TraceSource implements RequestSource {
  readonly hashes: Int32Array;
  private readonly trace: Trace;
  private readonly rateScale: number;
  private readonly batchShare: number;
  private readonly rng: Rng;
  private readonly span: number;
  private left: number;
  private at = 0;
  private turn = 0;

  constructor(trace: Trace, requests: number, rateScale: number, batchShare: number, rng: Rng) {
    this.trace = trace;
    this.hashes = trace.hashes;
    this.left = requests;
    this.rateScale = rateScale;
    this.batchShare = batchShare;
    this.rng = rng;
    const { seconds } = trace;
    const last = seconds.at(-1) ?? 0;
    // The gap between repetitions is the mean gap of the trace.
    this.span = seconds.length > 1 ? last * (seconds.length / (seconds.length - 1)) : Math.max(last, 1);
  }

  nextTime(): number {
    if (this.left === 0) return Infinity;
    return (this.turn * this.span + this.trace.seconds[this.at]!) / this.rateScale;
  }

  take(into: Arrival): void {
    const { trace, at } = this;
    into.promptTokens = trace.promptTokens[at]!;
    into.outputTokens = trace.outputTokens[at]!;
    into.tier = this.batchShare > 0 && this.rng.next() < this.batchShare ? 1 : 0;
    into.hasPrefix = trace.hashStarts.length > 0;
    into.hashStart = into.hasPrefix ? trace.hashStarts[at]! : -1;
    into.hashBase = this.turn * trace.hashCount;
    this.left--;
    if (++this.at === trace.seconds.length) {
      this.at = 0;
      this.turn++;
    }
  }

  ended(): void {
    // A trace does not wait for answers.
  }
}

/** Users with one request in flight each, who send the next one when they have thought about the answer. */
export class ClosedLoopSource implements RequestSource {
  readonly hashes = NO_HASHES;
  private readonly lengths: LengthSampler;
  private readonly starts = new EventHeap<number>();
  private readonly rng: Rng;
  private readonly thinkSeconds: number;
  private left: number;

  /** Times of thinking are exponential; users begin within the first one, all at once where there is none. */
  constructor(users: number, requests: number, lengths: LengthSpec, rng: Rng, thinkSeconds = 0) {
    this.lengths = lengthSampler(lengths, rng);
    this.rng = rng;
    this.thinkSeconds = thinkSeconds;
    this.left = requests;
    for (let user = 0; user < users; user++) this.send(thinkSeconds > 0 ? rng.next() * thinkSeconds : 0);
  }

  nextTime(): number {
    return this.starts.time;
  }

  take(into: Arrival): void {
    this.starts.pop();
    this.lengths(into);
    into.tier = 0;
    into.hasPrefix = false;
  }

  ended(_task: number, { time }: Outcome): void {
    this.send(this.thinkSeconds > 0 ? time - Math.log(1 - this.rng.next()) * this.thinkSeconds : time);
  }

  private send(time: number): void {
    if (this.left === 0) return;
    this.left--;
    this.starts.push(time, 0);
  }
}
