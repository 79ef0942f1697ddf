/**
 * One copy of the model under iteration-level scheduling (Yu et al., Orca, OSDI 2022) with chunked prefill
 * (Agrawal et al., Sarathi-Serve, OSDI 2024): at each boundary between steps prompts are admitted, then a step
 * runs. Steps in which nothing can change but contexts are taken in one leap, which has the same end and the same
 * gaps between tokens as single steps.
 */

import { Prompts } from '../requests/prompts.js';
import { Decoding } from './decoding.js';
import { BLOCK_TOKENS, KvMemory } from './kv-memory.js';
import { Leap } from './leap.js';
import type { ReplicaListener, Role, SchedulerPolicy } from './scheduling.js';
import {
  DECODE,
  DRAIN,
  NONE,
  PROMPT,
  Residents,
  type Sequences,
  SlotQueue,
  TRANSFER,
  WAITING,
} from './sequences.js';
import { type ReplicaModel, stepSeconds } from './step-times.js';

/** Share of the KV memory that stays free when a prompt is admitted beside others, as in vLLM. */
const WATERMARK = 0.01;

export class Replica {
  readonly index: number;
  readonly role: Role;
  readonly model: ReplicaModel;
  readonly memory: KvMemory;
  readonly prompts: Prompts;
  isUp: boolean;
  /** In the batch: taking in prompts, draining or decoding. */
  running = 0;
  busySeconds = 0;
  runningPeak = 0;

  private readonly policy: SchedulerPolicy;
  private readonly sequences: Sequences;
  private readonly listener: ReplicaListener<Replica>;
  private readonly waiting: readonly [SlotQueue, SlotQueue];
  private readonly decoding: Decoding;
  private readonly residents: Residents;
  /** Out of the pipeline, to join at the next boundary. */
  private readonly arrived: number[] = [];
  /** The step under way, or several; idle when there are none. */
  private readonly leap: Leap;
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
    listener: ReplicaListener<Replica>,
  ) {
    this.index = index;
    this.isUp = true;
    this.isBetween = false;
    this.role = role;
    this.model = model;
    this.policy = policy;
    this.sequences = sequences;
    this.listener = listener;
    this.waiting = [new SlotQueue(sequences), new SlotQueue(sequences)];
    this.prompts = new Prompts(sequences);
    this.decoding = new Decoding(sequences);
    this.residents = new Residents(sequences);
    this.leap = new Leap(model.times);
    this.memory = new KvMemory(model.kvTokens, policy.prefixCache, sequences, listener);
  }

  get waitingCount(): number {
    return this.waiting[0].size + this.waiting[1].size;
  }

  get hasRoom(): boolean {
    return this.isUp && this.waitingCount + this.running < this.policy.maxBatch;
  }

  /** How much there is to do: chunks of prompts, and the share of the batch that is taken. */
  get load(): number {
    return (
      this.prompts.pendingTokens / this.policy.chunkTokens +
      (this.running + this.waitingCount) / this.policy.maxBatch
    );
  }

  enqueue(slot: number, now: number): void {
    const s = this.sequences;
    s.state[slot] = WAITING;
    s.replica[slot] = this.index;
    this.prompts.pendingTokens += s.target[slot]! - s.done[slot]!;
    const queue = this.waiting[s.tier[slot] as 0 | 1];
    queue.push(slot);
    if (this.isBetween) return;
    if (this.leap.steps === 0) this.schedule(now);
    else if (queue.size === 1 && this.mayAdmit(s.tier[slot]!)) this.cutLeap(now);
  }

  /** The prompt of a sequence has left the pipeline. */
  drained(slot: number, now: number): void {
    this.arrived.push(slot);
    if (this.leap.steps === 0) this.schedule(now);
    else this.cutLeap(now);
  }

  /** The step under way is over. */
  finish(now: number): void {
    this.isBetween = true;
    this.account(this.leap.steps, now);
    this.schedule(now);
  }

  /** Gives back the memory of a sequence whose cache has reached another copy. */
  release(slot: number, now: number): void {
    this.leave(slot);
    if (this.leap.steps === 0) this.schedule(now);
    else if (!this.prompts.isTaking) this.cutLeap(now);
  }

  /** Stops at once. What is finished of a leap counts; every sequence it had is returned, oldest first. */
  fail(now: number): number[] {
    const { leap } = this;
    if (leap.steps > 0 && !this.prompts.isTaking) {
      const done = leap.within(now - leap.begun);
      if (done > 0) this.account(done, leap.begun + leap.seconds(done));
    }
    this.isUp = false;
    const lost = this.residents.all();
    for (const slot of lost) this.leave(slot);
    for (const queue of this.waiting) {
      for (let slot = queue.shift(); slot !== NONE; slot = queue.shift()) lost.push(slot);
    }
    this.memory.empty();
    this.prompts.clear();
    this.arrived.length = 0;
    this.leap.steps = 0;
    this.listener.boundary(this, Infinity);
    return lost;
  }

  recover(now: number): void {
    this.isUp = true;
    this.schedule(now);
  }

  // --- scheduling ------------------------------------------------------------------------------------------

  private schedule(now: number): void {
    this.prompts.startStep();
    this.leap.steps = 0;
    if (!this.isUp) return;
    for (const slot of this.arrived) this.join(slot, now);
    this.arrived.length = 0;
    this.isBetween = true;
    this.listener.between(this, now);
    this.isBetween = false;
    const isShort = this.makeRoomToDecode();
    let promptTokens = this.takePrompts(!isShort, now);
    if (isShort && promptTokens === 0 && this.decoding.size === 0) promptTokens = this.takePrompts(true, now);
    this.runningPeak = Math.max(this.runningPeak, this.running);
    if (promptTokens > 0) this.startMixed(promptTokens, now);
    else if (this.decoding.size > 0) this.startLeap(isShort, now);
    else this.listener.boundary(this, Infinity);
  }

  private startMixed(promptTokens: number, now: number): void {
    const { decoding } = this;
    const { times } = this.model;
    const { attention, ending } = this.prompts.work(times);
    this.chunkOccupied = times.tokenSeconds[promptTokens]! + times.promptSeconds + attention;
    this.stepTotal =
      stepSeconds(times, decoding.size, decoding.meanContext, promptTokens, ending) + attention;
    this.begin(1, now, now + this.stepTotal);
  }

  private startLeap(isShort: boolean, now: number): void {
    const { decoding } = this;
    let steps = decoding.stepsToEnd;
    // After a step in which nobody was admitted, the queue is looked at again.
    if (isShort || decoding.hasJoiners) steps = 1;
    if (!this.policy.reservesAnswer) steps = Math.min(steps, Math.floor(this.memory.free / decoding.size));
    this.leap.set(decoding.size, decoding.meanContext);
    this.begin(steps, now, now + this.leap.seconds(steps));
  }

  private begin(steps: number, now: number, end: number): void {
    this.leap.steps = steps;
    this.leap.begun = now;
    this.listener.boundary(this, end);
  }

  /** Lets the leap end at the next boundary between steps, so that what has changed is seen. */
  private cutLeap(now: number): void {
    const { leap } = this;
    if (leap.steps <= 1 || this.prompts.isTaking) return;
    const over = now - leap.begun;
    const within = leap.within(over);
    const steps = leap.seconds(within) === over && within > 0 ? within : within + 1;
    if (steps >= leap.steps) return;
    leap.steps = steps;
    this.listener.boundary(this, Math.max(now, leap.begun + leap.seconds(steps)));
  }

  private mayAdmit(tier: number): boolean {
    return this.running < this.policy.maxBatch || (tier === 0 && this.residents.ofBatchTier > 0);
  }

  /** Gives each prompt in progress its next part, then admits from the queues; returns the tokens taken. */
  private takePrompts(admits: boolean, now: number): number {
    const { prompts, sequences: s } = this;
    let budget = this.policy.chunkTokens;
    budget -= prompts.goOn(budget);
    while (admits && budget > 0) {
      const tier = this.waiting[0].size > 0 ? 0 : 1;
      const slot = this.waiting[tier].first;
      if (slot === NONE || !this.admit(slot, now)) break;
      this.waiting[tier].shift();
      if (s.done[slot] === s.target[slot]) this.join(slot, now);
      else budget -= prompts.add(slot, budget);
    }
    return prompts.tokens;
  }

  /** Finds a place and memory for a waiting sequence, at the cost of batch-tier ones if need be. */
  private admit(slot: number, now: number): boolean {
    const { sequences: s, policy } = this;
    const target = s.target[slot]!;
    const arrives = s.done[slot] === target;
    const isUrgent = s.tier[slot] === 0;
    while (this.running >= policy.maxBatch) {
      if (!isUrgent || this.residents.ofBatchTier === 0 || !this.preempt(1)) return false;
    }
    const held = this.memory.hold(slot, arrives ? target : target - 1);
    const answer = policy.reservesAnswer ? s.output[slot]! - s.generated[slot]! : 0;
    const own = target - held * BLOCK_TOKENS + (this.role === 'prefill' ? 0 : answer);
    while (this.memory.free < own + this.spareTokens()) {
      if (isUrgent && this.residents.ofBatchTier > 0 && this.preempt(1)) continue;
      this.memory.dropBlocks(slot);
      return false;
    }
    if (Number.isNaN(s.firstScheduled[slot]!)) {
      s.firstScheduled[slot] = now;
      s.cached[slot] = Math.min(held * BLOCK_TOKENS, s.prompt[slot]!);
    }
    if (!arrives) {
      s.done[slot] = held * BLOCK_TOKENS;
      this.prompts.pendingTokens -= held * BLOCK_TOKENS;
    }
    s.state[slot] = PROMPT;
    this.memory.take(slot, own);
    this.running++;
    this.residents.enter(slot);
    return true;
  }

  // --- a step's end ----------------------------------------------------------------------------------------

  /** Books the first `steps` steps of what is under way, and its prompts when it is a mixed one. */
  private account(steps: number, now: number): void {
    const { decoding, memory } = this;
    const { begun } = this.leap;
    const seconds = now - begun;
    const isMixed = this.prompts.isTaking;
    this.busySeconds += seconds;
    this.clock = now;
    const held = memory.used;
    if (decoding.size > 0) {
      const first = isMixed ? this.stepTotal : this.leap.step(0);
      const last = isMixed || steps === 1 ? first : this.leap.step(steps - 1);
      decoding.countGaps(steps, first, last, now, this.listener);
      decoding.advance(steps);
      if (!this.policy.reservesAnswer) memory.grow(decoding.size * steps);
    }
    memory.account(seconds, held);
    this.listener.timeline?.add(begun, now, held, memory.used);
    for (let slot = decoding.done; slot !== NONE; slot = decoding.done) {
      this.undecode(slot);
      this.end(slot, now);
    }
    if (isMixed) this.prompts.finishStep(now, this.promptDone);
    memory.evictOverflow();
  }

  private readonly promptDone = (slot: number, now: number): void => {
    this.memory.share(slot, this.sequences.target[slot]!);
    if (this.model.times.promptYieldsToken) this.promptToken(slot, now);
    else this.promptLeft(slot, now);
  };

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
    else this.decoding.add(slot, false);
  }

  /** The prompt is on its way through the later stages; its first token comes from a decoding step. */
  private promptLeft(slot: number, now: number): void {
    const drain = this.model.times.drainChunks * this.chunkOccupied;
    this.sequences.state[slot] = DRAIN;
    if (drain > 0) this.listener.drains(slot, now + drain);
    else this.join(slot, now);
  }

  /** After a pipeline, or from another copy: decodes, or goes on to where it will. */
  private join(slot: number, now: number): void {
    if (this.role === 'prefill') this.send(slot, now);
    else this.decoding.add(slot, true);
  }

  private send(slot: number, now: number): void {
    this.running--;
    this.sequences.state[slot] = TRANSFER;
    this.listener.transfers(slot, now);
  }

  private undecode(slot: number): number {
    const made = this.decoding.remove(slot);
    const { ownTokens } = this.sequences;
    if (!this.policy.reservesAnswer) ownTokens[slot] = ownTokens[slot]! + made;
    return made;
  }

  private end(slot: number, now: number): void {
    const s = this.sequences;
    s.lastToken[slot] = now;
    // The last token is never worked on, so its block is not in the cache.
    if (s.continues[slot] === 1) this.memory.share(slot, s.prompt[slot]! + s.output[slot]! - 1);
    this.leave(slot);
    this.listener.ended(slot, now);
  }

  // --- memory ----------------------------------------------------------------------------------------------

  /** What has to stay free beside a new sequence: the next step's tokens, and a little. */
  private spareTokens(): number {
    return this.residents.isEmpty ? 0 : Math.ceil(this.memory.capacity * WATERMARK) + this.decoding.size;
  }

  /** While the next step's tokens have no room, the newest sequences have to start again later. */
  private makeRoomToDecode(): boolean {
    if (this.policy.reservesAnswer) return false;
    let isShort = false;
    while (this.decoding.size > 0 && this.memory.free < this.decoding.size) {
      isShort = true;
      if (!(this.residents.ofBatchTier > 0 && this.preempt(1)) && !this.preempt(0)) break;
    }
    return isShort;
  }

  /** Sends the newest sequence of a tier back to the head of its queue; its cache is computed again later. */
  private preempt(tier: 0 | 1): boolean {
    const { sequences: s, waiting } = this;
    const slot = this.residents.newest(tier);
    if (slot === NONE) return false;
    this.leave(slot);
    s.state[slot] = WAITING;
    s.life[slot] = s.life[slot]! + 1;
    this.prompts.pendingTokens += s.target[slot]!;
    waiting[tier].unshift(slot);
    this.listener.preempted(slot);
    return true;
  }

  /** Takes a sequence out of whatever it was doing here and frees its memory; what it has generated stays. */
  private leave(slot: number): void {
    const { sequences: s } = this;
    const state = s.state[slot]!;
    if (state === DECODE) {
      if (s.place[slot] !== NONE && this.undecode(slot) > 0) s.lastToken[slot] = this.clock;
    } else if (state === PROMPT) {
      this.prompts.remove(slot);
    } else if (state === DRAIN) {
      const at = this.arrived.indexOf(slot);
      if (at >= 0) this.arrived.splice(at, 1);
    }
    if (state <= DECODE) this.running--;
    this.memory.release(slot);
    s.target[slot] = s.prompt[slot]! + s.generated[slot]!;
    s.done[slot] = 0;
    this.residents.leave(slot);
  }
}
