/**
 * One copy of the model under iteration-level scheduling (Yu et al., Orca, OSDI 2022) with chunked prefill
 * (Agrawal et al., Sarathi-Serve, OSDI 2024): at each boundary between steps prompts are admitted, then a step
 * runs. Steps in which nothing can change but contexts are taken in one leap, which has the same end and the same
 * gaps between tokens as single steps.
 */
import type { LogHistogram } from './histogram.js';
import { PrefixCache } from './prefixCache.js';
import {
  DECODE,
  DRAIN,
  EndHeap,
  NONE,
  PROMPT,
  type Sequences,
  SlotQueue,
  TRANSFER,
  WAITING,
} from './sequences.js';
import { promptAttention, type ReplicaModel, type StepTimes, stepSeconds } from './stepTimes.js';

export type Role = 'both' | 'prefill' | 'decode';

export interface SchedulerPolicy {
  /** Sequences that run at once at most. */
  readonly maxBatch: number;
  /** Prompt tokens per step at most. */
  readonly chunkTokens: number;
  /** Requests that may wait at one replica; more are refused. */
  readonly maxQueue: number;
  readonly prefixCache: boolean;
  /** Whether the memory of the whole answer is set aside on admission (TensorRT-LLM) or grows (vLLM). */
  readonly reservesAnswer: boolean;
}

/** Tokens of one block of the prefix cache, as in Mooncake's traces. */
export const BLOCK_TOKENS = 512;
/** Share of the KV memory that stays free when a prompt is admitted beside others, as in vLLM. */
const WATERMARK = 0.01;

/** What a replica tells the fleet it belongs to. */
export interface ReplicaListener {
  /** Gaps between tokens, by tier. */
  readonly gaps: readonly [LogHistogram, LogHistogram];
  blockOf(slot: number, index: number): number;
  boundary(replica: Replica, time: number): void;
  firstToken(slot: number, time: number): void;
  drains(slot: number, until: number): void;
  /** The prompt of a prefill copy is done; it keeps its memory until `release`. */
  transfers(slot: number, time: number): void;
  ended(slot: number, time: number): void;
  /** Between two steps: the moment to give it more to do. */
  between(replica: Replica, time: number): void;
  preempted(slot: number): void;
}

export class Replica {
  readonly index: number;
  readonly role: Role;
  readonly model: ReplicaModel;
  readonly cache = new PrefixCache();
  isUp: boolean;
  busySeconds = 0;
  /** Integral over time of the tokens that live sequences hold. */
  kvTokenSeconds = 0;
  kvPeakTokens = 0;
  runningPeak = 0;
  /** Prompt tokens that were given to it and are not computed. */
  pendingTokens = 0;

  private readonly policy: SchedulerPolicy;
  private readonly sequences: Sequences;
  private readonly listener: ReplicaListener;
  private readonly times: StepTimes;
  private readonly waiting: readonly [SlotQueue, SlotQueue];
  private readonly ends: EndHeap;
  /** Sequences with a place in the batch or memory here, oldest first. */
  private oldest = NONE;
  private newest = NONE;
  private batchResidents = 0;
  /** In the batch: taking in prompts, draining or decoding. */
  private running = 0;
  private decoding = 0;
  private decodingBatchTier = 0;
  private contexts = 0;
  private steps = 0;
  private ownTokens = 0;
  private readonly prompts: number[] = [];
  /** Out of the pipeline, to join at the next boundary. */
  private readonly arrived: number[] = [];
  /** Joined since the last step: their next gap is not the step's duration. */
  private readonly joiners: number[] = [];
  /** The step under way: prompts' shares of it, or a leap of `leap` steps; idle when `leap` is 0. */
  private readonly parts: number[] = [];
  private leap = 0;
  private begun = 0;
  private base = 0;
  private weight = 0;
  private meanContext = 0;
  private stepTotal = 0;
  private chunkOccupied = 0;
  /** When the last step that is booked ended. */
  private clock = 0;
  private isBetween: boolean;

  constructor(
    index: number,
    role: Role,
    model: ReplicaModel,
    policy: SchedulerPolicy,
    sequences: Sequences,
    listener: ReplicaListener,
  ) {
    this.index = index;
    this.isUp = true;
    this.isBetween = false;
    this.role = role;
    this.model = model;
    this.times = model.times;
    this.policy = policy;
    this.sequences = sequences;
    this.listener = listener;
    this.waiting = [new SlotQueue(sequences), new SlotQueue(sequences)];
    this.ends = new EndHeap(sequences);
  }

  get waitingCount(): number {
    return this.waiting[0].size + this.waiting[1].size;
  }

  get runningCount(): number {
    return this.running;
  }

  get kvUsed(): number {
    return this.ownTokens + this.cache.heldBlocks * BLOCK_TOKENS;
  }

  get hasRoom(): boolean {
    return this.isUp && this.waitingCount + this.running < this.policy.maxBatch;
  }

  /** How much there is to do: chunks of prompts, and the share of the batch that is taken. */
  get load(): number {
    return (
      this.pendingTokens / this.policy.chunkTokens + (this.running + this.waitingCount) / this.policy.maxBatch
    );
  }

  enqueue(slot: number, now: number): void {
    const s = this.sequences;
    s.state[slot] = WAITING;
    s.replica[slot] = this.index;
    this.pendingTokens += s.target[slot]! - s.done[slot]!;
    const queue = this.waiting[s.tier[slot] as 0 | 1];
    queue.push(slot);
    if (this.isBetween) return;
    if (this.leap === 0) this.schedule(now);
    else if (queue.size === 1 && this.mayAdmit(s.tier[slot]!)) this.cutLeap(now);
  }

  /** The prompt of a sequence has left the pipeline. */
  drained(slot: number, now: number): void {
    this.arrived.push(slot);
    if (this.leap === 0) this.schedule(now);
    else this.cutLeap(now);
  }

  /** The step under way is over. */
  finish(now: number): void {
    this.isBetween = true;
    this.account(this.leap, now);
    this.schedule(now);
  }

  /** Gives back the memory of a sequence whose cache has reached another copy. */
  release(slot: number, now: number): void {
    this.leave(slot);
    if (this.leap === 0) this.schedule(now);
    else if (this.parts.length === 0) this.cutLeap(now);
  }

  /** Stops at once. What is finished of a leap counts; every sequence it had is returned, oldest first. */
  fail(now: number): number[] {
    if (this.leap > 0 && this.parts.length === 0) {
      const done = this.stepsWithin(now - this.begun);
      if (done > 0) this.account(done, this.begun + this.leapSeconds(done));
    }
    this.isUp = false;
    const lost: number[] = [];
    const { after } = this.sequences;
    for (let slot = this.oldest; slot !== NONE; slot = after[slot]!) lost.push(slot);
    for (const slot of lost) this.leave(slot);
    for (const queue of this.waiting) {
      for (let slot = queue.shift(); slot !== NONE; slot = queue.shift()) lost.push(slot);
    }
    while (this.cache.evict());
    this.prompts.length = 0;
    this.parts.length = 0;
    this.joiners.length = 0;
    this.arrived.length = 0;
    this.pendingTokens = 0;
    this.leap = 0;
    this.listener.boundary(this, Infinity);
    return lost;
  }

  recover(now: number): void {
    this.isUp = true;
    this.schedule(now);
  }

  // --- scheduling ------------------------------------------------------------------------------------------

  private schedule(now: number): void {
    this.parts.length = 0;
    this.leap = 0;
    if (!this.isUp) return;
    for (const slot of this.arrived) this.join(slot, now);
    this.arrived.length = 0;
    this.isBetween = true;
    this.listener.between(this, now);
    this.isBetween = false;
    const isShort = this.makeRoomToDecode();
    let promptTokens = this.takePrompts(!isShort, now);
    if (isShort && promptTokens === 0 && this.decoding === 0) promptTokens = this.takePrompts(true, now);
    this.runningPeak = Math.max(this.runningPeak, this.running);
    if (promptTokens > 0) this.startMixed(promptTokens, now);
    else if (this.decoding > 0) this.startLeap(isShort, now);
    else this.listener.boundary(this, Infinity);
  }

  private startMixed(promptTokens: number, now: number): void {
    const { times, sequences: s, parts } = this;
    let attention = 0;
    let done = 0;
    for (let i = 0; i < parts.length; i += 2) {
      const slot = parts[i]!;
      const tokens = parts[i + 1]!;
      attention += promptAttention(times, s.done[slot]!, tokens);
      if (s.done[slot]! + tokens === s.target[slot]!) done++;
    }
    const mean = this.decoding > 0 ? this.contexts / this.decoding : 0;
    this.chunkOccupied = times.tokenSeconds[promptTokens]! + times.promptSeconds + attention;
    this.stepTotal = stepSeconds(times, this.decoding, mean, promptTokens, done) + attention;
    this.begin(1, now, now + this.stepTotal);
  }

  private startLeap(isShort: boolean, now: number): void {
    const { times, decoding, sequences } = this;
    let steps = sequences.ends[this.ends.first]! - this.steps;
    // After a step in which nobody was admitted, the queue is looked at again.
    if (isShort || this.joiners.length > 0) steps = 1;
    if (!this.policy.reservesAnswer) steps = Math.min(steps, Math.floor(this.freeTokens() / decoding));
    this.base =
      times.sequenceSeconds[decoding]! +
      times.decodeSeconds +
      (times.sharesWeights ? times.tokenSeconds[decoding]! : times.tokenSeconds[0]!);
    this.weight = times.contextWeight[decoding]!;
    this.meanContext = this.contexts / decoding;
    this.begin(steps, now, now + this.leapSeconds(steps));
  }

  private begin(steps: number, now: number, end: number): void {
    this.leap = steps;
    this.begun = now;
    this.listener.boundary(this, end);
  }

  /** Seconds of the first `steps` steps of the leap: contexts grow by one token each. */
  private leapSeconds(steps: number): number {
    const curve = this.times.contextSeconds;
    if (curve === null || steps === 0) return steps * this.base;
    // On a straight line the sum over whole numbers is the integral from half a step before to half a step after.
    const from = this.meanContext - 0.5;
    return steps * this.base + this.weight * (curve.integral(from + steps) - curve.integral(from));
  }

  private leapStep(step: number): number {
    const curve = this.times.contextSeconds;
    return this.base + (curve === null ? 0 : this.weight * curve.at(this.meanContext + step));
  }

  /** Whole steps of the leap within `seconds`. */
  private stepsWithin(seconds: number): number {
    let steps = Math.min(this.leap, Math.floor(seconds / this.leapStep(0)));
    // Steps grow longer, so the first guess is high; each correction is at most what is over.
    for (;;) {
      const over = this.leapSeconds(steps) - seconds;
      if (over <= 0 || steps === 0) break;
      steps = Math.max(0, steps - Math.max(1, Math.floor(over / this.leapStep(steps))));
    }
    while (steps < this.leap && this.leapSeconds(steps + 1) <= seconds) steps++;
    return steps;
  }

  /** Lets the leap end at the next boundary between steps, so that what has changed is seen. */
  private cutLeap(now: number): void {
    if (this.leap <= 1 || this.parts.length > 0) return;
    const within = this.stepsWithin(now - this.begun);
    const steps = this.leapSeconds(within) === now - this.begun && within > 0 ? within : within + 1;
    if (steps >= this.leap) return;
    this.leap = steps;
    this.listener.boundary(this, Math.max(now, this.begun + this.leapSeconds(steps)));
  }

  private mayAdmit(tier: number): boolean {
    return this.running < this.policy.maxBatch || (tier === 0 && this.batchResidents > 0);
  }

  /** Gives each sequence in turn its next chunk, admitting from the queues; returns the tokens taken. */
  private takePrompts(admits: boolean, now: number): number {
    const { policy, prompts, parts, sequences: s } = this;
    let budget = policy.chunkTokens;
    for (const slot of prompts) {
      if (budget === 0) break;
      budget -= this.takePart(slot, budget);
    }
    while (admits && budget > 0) {
      const tier = this.waiting[0].size > 0 ? 0 : 1;
      const slot = this.waiting[tier].first;
      if (slot === NONE || !this.admit(slot, now)) break;
      this.waiting[tier].shift();
      if (s.done[slot] === s.target[slot]) this.join(slot, now);
      else {
        prompts.push(slot);
        budget -= this.takePart(slot, budget);
      }
    }
    let taken = 0;
    for (let i = 1; i < parts.length; i += 2) taken += parts[i]!;
    return taken;
  }

  private takePart(slot: number, budget: number): number {
    const tokens = Math.min(budget, this.sequences.target[slot]! - this.sequences.done[slot]!);
    this.parts.push(slot, tokens);
    return tokens;
  }

  /** Finds a place and memory for a waiting sequence, at the cost of batch-tier ones if need be. */
  private admit(slot: number, now: number): boolean {
    const { sequences: s, policy, listener } = this;
    const target = s.target[slot]!;
    const arrives = s.done[slot] === target;
    const isUrgent = s.tier[slot] === 0;
    while (this.running >= policy.maxBatch) {
      if (!isUrgent || this.batchResidents === 0 || !this.preempt(1)) return false;
    }
    let held = 0;
    if (policy.prefixCache && s.hasPrefix[slot] === 1) {
      const most = Math.floor(this.knownTokens(slot, arrives ? target : target - 1) / BLOCK_TOKENS);
      while (held < most && this.cache.hold(listener.blockOf(slot, held))) held++;
    }
    s.heldBlocks[slot] = held;
    const answer = policy.reservesAnswer ? s.output[slot]! - s.generated[slot]! : 0;
    const own = target - held * BLOCK_TOKENS + (this.role === 'prefill' ? 0 : answer);
    while (this.freeTokens() < own + this.spareTokens()) {
      if (isUrgent && this.batchResidents > 0 && this.preempt(1)) continue;
      this.dropBlocks(slot);
      return false;
    }
    if (Number.isNaN(s.firstScheduled[slot]!)) {
      s.firstScheduled[slot] = now;
      s.cached[slot] = Math.min(held * BLOCK_TOKENS, s.prompt[slot]!);
    }
    if (!arrives) {
      s.done[slot] = held * BLOCK_TOKENS;
      this.pendingTokens -= held * BLOCK_TOKENS;
    }
    s.ownTokens[slot] = own;
    s.state[slot] = PROMPT;
    this.ownTokens += own;
    this.evictOverflow();
    this.enter(slot);
    return true;
  }

  // --- a step's end ----------------------------------------------------------------------------------------

  /** Books the first `steps` steps of what is under way, and its prompts when it is a mixed one. */
  private account(steps: number, now: number): void {
    const seconds = now - this.begun;
    const isMixed = this.parts.length > 0;
    this.busySeconds += seconds;
    this.clock = now;
    const held = this.kvUsed;
    if (this.decoding > 0) {
      const first = isMixed ? this.stepTotal : this.leapStep(0);
      const last = isMixed || steps === 1 ? first : this.leapStep(steps - 1);
      this.countGaps(first, last, steps, now);
      this.steps += steps;
      this.contexts += this.decoding * steps;
      if (!this.policy.reservesAnswer) this.ownTokens += this.decoding * steps;
    }
    this.kvTokenSeconds += (seconds * (held + this.kvUsed)) / 2;
    this.kvPeakTokens = Math.max(this.kvPeakTokens, this.kvUsed);
    while (this.ends.size > 0 && this.sequences.ends[this.ends.first]! <= this.steps) {
      this.complete(this.ends.first, now);
    }
    if (isMixed) this.finishParts(now);
    this.evictOverflow();
  }

  private countGaps(first: number, last: number, steps: number, now: number): void {
    const { sequences: s, joiners, listener } = this;
    const late: [number, number] = [0, 0];
    for (const slot of joiners) {
      const tier = s.tier[slot] as 0 | 1;
      late[tier]++;
      if (s.generated[slot] === 0) listener.firstToken(slot, now);
      else listener.gaps[tier].add(now - s.lastToken[slot]!);
    }
    joiners.length = 0;
    listener.gaps[0].addRun(first, last, steps, this.decoding - this.decodingBatchTier - late[0]);
    listener.gaps[1].addRun(first, last, steps, this.decodingBatchTier - late[1]);
  }

  private finishParts(now: number): void {
    const { parts, prompts, sequences: s, times } = this;
    for (let i = 0; i < parts.length; i += 2) {
      const slot = parts[i]!;
      const tokens = parts[i + 1]!;
      s.done[slot] = s.done[slot]! + tokens;
      this.pendingTokens -= tokens;
      if (s.done[slot] !== s.target[slot]) continue;
      prompts.splice(prompts.indexOf(slot), 1);
      this.shareBlocks(slot, s.target[slot]!);
      if (times.promptYieldsToken) this.promptToken(slot, now);
      else this.promptLeft(slot, now);
    }
    parts.length = 0;
  }

  /** The step that took in the last of a prompt has made a token of it. */
  private promptToken(slot: number, now: number): void {
    const { sequences: s, listener } = this;
    if (s.generated[slot] === 0) listener.firstToken(slot, now);
    else listener.gaps[s.tier[slot] as 0 | 1].add(now - s.lastToken[slot]!);
    s.generated[slot] = s.generated[slot]! + 1;
    s.lastToken[slot] = now;
    s.state[slot] = DECODE;
    if (s.generated[slot] === s.output[slot]) this.end(slot, now);
    else if (this.role === 'prefill') this.send(slot, now);
    else this.decode(slot);
  }

  /** The prompt is on its way through the later stages; its first token comes from a decoding step. */
  private promptLeft(slot: number, now: number): void {
    const drain = this.times.drainChunks * this.chunkOccupied;
    this.sequences.state[slot] = DRAIN;
    if (drain > 0) this.listener.drains(slot, now + drain);
    else this.join(slot, now);
  }

  /** After a pipeline, or from another copy: decodes, or goes on to where it will. */
  private join(slot: number, now: number): void {
    if (this.role === 'prefill') {
      this.send(slot, now);
      return;
    }
    this.decode(slot);
    this.joiners.push(slot);
  }

  private send(slot: number, now: number): void {
    this.running--;
    this.sequences.state[slot] = TRANSFER;
    this.listener.transfers(slot, now);
  }

  private decode(slot: number): void {
    const { sequences: s } = this;
    s.state[slot] = DECODE;
    s.joined[slot] = this.steps;
    s.ends[slot] = this.steps + s.output[slot]! - s.generated[slot]!;
    s.context[slot] = s.prompt[slot]! + Math.max(1, s.generated[slot]!);
    this.contexts += s.context[slot]!;
    this.decoding++;
    this.decodingBatchTier += s.tier[slot]!;
    this.ends.push(slot);
  }

  /** Takes a sequence out of the decoding ones and brings its counts up to date. */
  private undecode(slot: number): void {
    const { sequences: s } = this;
    const steps = this.steps - s.joined[slot]!;
    this.contexts -= s.context[slot]! + steps;
    this.decoding--;
    this.decodingBatchTier -= s.tier[slot]!;
    this.ends.remove(slot);
    s.generated[slot] = s.generated[slot]! + steps;
    if (!this.policy.reservesAnswer) s.ownTokens[slot] = s.ownTokens[slot]! + steps;
    const at = this.joiners.indexOf(slot);
    if (at >= 0) this.joiners.splice(at, 1);
  }

  private complete(slot: number, now: number): void {
    this.undecode(slot);
    this.end(slot, now);
  }

  private end(slot: number, now: number): void {
    const s = this.sequences;
    s.lastToken[slot] = now;
    // The last token is never worked on, so its block is not in the cache.
    if (s.continues[slot] === 1) this.shareBlocks(slot, s.prompt[slot]! + s.output[slot]! - 1);
    this.leave(slot);
    this.listener.ended(slot, now);
  }

  // --- memory ----------------------------------------------------------------------------------------------

  /** Tokens of memory that nobody holds; cached blocks of nobody count, as they can go. */
  private freeTokens(): number {
    return this.model.kvTokens - this.kvUsed;
  }

  /** What has to stay free beside a new sequence: the next step's tokens, and a little. */
  private spareTokens(): number {
    return this.oldest === NONE ? 0 : Math.ceil(this.model.kvTokens * WATERMARK) + this.decoding;
  }

  private evictOverflow(): void {
    const most = this.model.kvTokens - this.ownTokens;
    while (this.cache.size * BLOCK_TOKENS > most && this.cache.evict());
  }

  /** Makes the whole blocks among its first `tokens` tokens part of the cache, held by it. */
  private shareBlocks(slot: number, tokens: number): void {
    const { sequences: s, cache, listener } = this;
    if (!this.policy.prefixCache || s.hasPrefix[slot] === 0) return;
    const blocks = Math.floor(this.knownTokens(slot, tokens) / BLOCK_TOKENS);
    const from = s.heldBlocks[slot]!;
    for (let i = from; i < blocks; i++) {
      const block = listener.blockOf(slot, i);
      if (!cache.hold(block)) cache.add(block);
    }
    const moved = Math.max(0, blocks - from) * BLOCK_TOKENS;
    s.heldBlocks[slot] = Math.max(from, blocks);
    s.ownTokens[slot] = s.ownTokens[slot]! - moved;
    this.ownTokens -= moved;
  }

  /** Of its first `tokens` tokens, those whose blocks have known numbers. */
  private knownTokens(slot: number, tokens: number): number {
    const { continues, prompt } = this.sequences;
    return continues[slot] === 1 ? tokens : Math.min(tokens, prompt[slot]!);
  }

  private dropBlocks(slot: number): void {
    const { sequences: s, cache, listener } = this;
    for (let i = s.heldBlocks[slot]! - 1; i >= 0; i--) cache.drop(listener.blockOf(slot, i));
    s.heldBlocks[slot] = 0;
  }

  /** While the next step's tokens have no room, the newest sequences have to start again later. */
  private makeRoomToDecode(): boolean {
    if (this.policy.reservesAnswer) return false;
    let isShort = false;
    while (this.decoding > 0 && this.freeTokens() < this.decoding) {
      isShort = true;
      if (!(this.batchResidents > 0 && this.preempt(1)) && !this.preempt(0)) break;
    }
    return isShort;
  }

  /** Sends the newest sequence of a tier back to the head of its queue; its cache is computed again later. */
  private preempt(tier: 0 | 1): boolean {
    const { sequences: s, waiting } = this;
    let slot = this.newest;
    while (slot !== NONE && (s.tier[slot] !== tier || s.state[slot]! > DECODE)) slot = s.before[slot]!;
    if (slot === NONE) return false;
    this.leave(slot);
    s.state[slot] = WAITING;
    s.life[slot] = s.life[slot]! + 1;
    this.pendingTokens += s.target[slot]!;
    waiting[tier].unshift(slot);
    this.listener.preempted(slot);
    return true;
  }

  // --- residents -------------------------------------------------------------------------------------------

  private enter(slot: number): void {
    const { before, after, tier } = this.sequences;
    this.running++;
    this.batchResidents += tier[slot]!;
    before[slot] = this.newest;
    after[slot] = NONE;
    if (this.newest === NONE) this.oldest = slot;
    else after[this.newest] = slot;
    this.newest = slot;
  }

  /** Takes a sequence out of whatever it was doing here and frees its memory; what it has generated stays. */
  private leave(slot: number): void {
    const { sequences: s } = this;
    const state = s.state[slot]!;
    if (state === DECODE) {
      if (s.place[slot] !== NONE) {
        const made = this.steps - s.joined[slot]!;
        if (made > 0) s.lastToken[slot] = this.clock;
        this.undecode(slot);
      }
    } else if (state === PROMPT) {
      const at = this.prompts.indexOf(slot);
      if (at >= 0) {
        this.prompts.splice(at, 1);
        this.pendingTokens -= s.target[slot]! - s.done[slot]!;
      }
      for (let part = 0; part < this.parts.length; part += 2) {
        if (this.parts[part] === slot) this.parts.splice(part, 2);
      }
    } else if (state === DRAIN) {
      const at = this.arrived.indexOf(slot);
      if (at >= 0) this.arrived.splice(at, 1);
    }
    if (state <= DECODE) this.running--;
    this.batchResidents -= s.tier[slot]!;
    this.dropBlocks(slot);
    this.ownTokens -= s.ownTokens[slot]!;
    s.ownTokens[slot] = 0;
    s.target[slot] = s.prompt[slot]! + s.generated[slot]!;
    s.done[slot] = 0;
    const before = s.before[slot]!;
    const after = s.after[slot]!;
    if (before === NONE) this.oldest = after;
    else s.after[before] = after;
    if (after === NONE) this.newest = before;
    else s.before[after] = before;
  }
}
