/** A fleet over time: discrete events over the copies of a model, the same result for the same seed. */
import { MachineError } from '../core/errors.js';
import { ClockHeap, EventHeap } from './heaps.js';
import type { LogHistogram } from './measure/histogram.js';
import { Metrics } from './measure/metrics.js';
import { Timeline } from './measure/timeline.js';
import { BLOCK_TOKENS } from './replica/kv-memory.js';
import { Replica } from './replica/replica.js';
import type { ReplicaListener, Role, SchedulerPolicy } from './replica/scheduling.js';
import { DRAIN, NONE, Sequences, SlotQueue, TRANSFER } from './replica/sequences.js';
import type { ReplicaModel } from './replica/step-times.js';
import { emptyArrival, type RequestSource } from './requests/source.js';
import { Router, type Routing } from './router.js';
import type { FleetResult, Slo, TaskResult } from './types.js';

/** A replica that stops at a time and comes back after another; its requests start again elsewhere. */
export interface Failure {
  readonly replica: number;
  readonly atSeconds: number;
  readonly forSeconds: number;
}

export interface Fleet {
  readonly replicas: readonly { readonly model: ReplicaModel; readonly role: Role }[];
  readonly policy: SchedulerPolicy;
  readonly routing: Routing;
  readonly slo: Slo;
  readonly failures?: readonly Failure[];
  /** Interactive requests that missed a limit after which the simulation stops, as the SLO cannot be met any more. */
  readonly maxMisses?: number;
  /** Keeps the memory over time as well, which costs a few per cent of the speed. */
  readonly keepsTimeline?: boolean;
}

type Event =
  | { readonly kind: 'drained' | 'transferred'; readonly slot: number; readonly life: number }
  | { readonly kind: 'fails' | 'recovers'; readonly replica: number };

/** Tasks of an agent source, for the result. */
export interface TaskSource extends RequestSource {
  tasks(): TaskResult;
}

/** Runs all requests of the source to their ends. */
export function simulateFleet(fleet: Fleet, source: RequestSource): FleetResult {
  return new Simulation(fleet, source).run();
}

class Simulation implements ReplicaListener<Replica> {
  readonly gaps: readonly [LogHistogram, LogHistogram];
  readonly timeline: Timeline | null;
  private readonly fleet: Fleet;
  private readonly source: RequestSource;
  private readonly metrics: Metrics;
  private readonly sequences = new Sequences();
  private readonly replicas: Replica[];
  private readonly router: Router;
  private readonly clocks: ClockHeap;
  private readonly events = new EventHeap<Event>();
  /** Requests that no replica has taken yet. */
  private readonly gateway = new SlotQueue(this.sequences);
  private readonly arrival = emptyArrival();
  /** When the link of each replica is free again. */
  private readonly linkFree: Float64Array;
  /** Failures under way at each replica, since when it is down, and for how long it was. */
  private readonly failing: Int32Array;
  private readonly downSince: Float64Array;
  private downSeconds = 0;
  private now = 0;
  private firstArrival = Number.NaN;
  private lastEnd = 0;
  private peakWaiting = 0;

  constructor(fleet: Fleet, source: RequestSource) {
    this.fleet = fleet;
    this.source = source;
    this.metrics = new Metrics(fleet.slo);
    this.gaps = this.metrics.gaps;
    this.timeline = fleet.keepsTimeline === true ? new Timeline() : null;
    this.replicas = fleet.replicas.map(
      ({ model, role }, index) => new Replica(index, role, model, fleet.policy, this.sequences, this),
    );
    this.router = new Router(this.replicas, fleet.routing);
    this.clocks = new ClockHeap(this.replicas.length);
    this.linkFree = new Float64Array(this.replicas.length);
    this.failing = new Int32Array(this.replicas.length);
    this.downSince = new Float64Array(this.replicas.length);
    for (const { replica, atSeconds, forSeconds } of fleet.failures ?? []) {
      if (replica < 0 || replica >= this.replicas.length) continue;
      this.events.push(atSeconds, { kind: 'fails', replica });
      this.events.push(atSeconds + forSeconds, { kind: 'recovers', replica });
    }
  }

  run(): FleetResult {
    const { source, clocks, events } = this;
    const mostMisses = this.fleet.maxMisses ?? Infinity;
    for (;;) {
      const arrival = source.nextTime();
      const boundary = clocks.time;
      const event = events.time;
      const next = Math.min(arrival, boundary, event);
      if (next === Infinity) break;
      // Failures and recoveries after the last request are of no interest.
      if (next === event && arrival === Infinity && this.sequences.live === 0) break;
      this.now = next;
      if (next === event) this.handle(events.pop()!);
      else if (next === boundary) this.replicas[clocks.earliest]!.finish(next);
      else this.arrive(next);
      if (this.metrics.misses > mostMisses) break;
    }
    return this.result();
  }

  // --- what replicas say -----------------------------------------------------------------------------------

  blockOf(slot: number, index: number): number {
    const s = this.sequences;
    const start = s.hashStart[slot]!;
    const base = s.hashBase[slot]!;
    return start < 0 ? (base + index) | 0 : (this.source.hashes[start + index]! + base) | 0;
  }

  boundary(replica: Replica, time: number): void {
    this.clocks.set(replica.index, time);
  }

  firstToken(slot: number, time: number): void {
    const s = this.sequences;
    const replica = this.replicas[s.replica[slot]!]!;
    const { requestSeconds, requestPerUserSeconds } = replica.model;
    s.firstToken[slot] = time;
    s.overhead[slot] = requestSeconds + requestPerUserSeconds * Math.max(0, replica.running - 1);
  }

  drains(slot: number, until: number): void {
    this.events.push(until, { kind: 'drained', slot, life: this.sequences.life[slot]! });
  }

  transfers(slot: number, time: number): void {
    const s = this.sequences;
    const from = s.replica[slot]!;
    const { transferSeconds, transferPerTokenSeconds } = this.replicas[from]!.model;
    const begins = Math.max(time, this.linkFree[from]!);
    const done = begins + s.target[slot]! * transferPerTokenSeconds;
    this.linkFree[from] = done;
    this.events.push(done + transferSeconds, { kind: 'transferred', slot, life: s.life[slot]! });
  }

  ended(slot: number, time: number): void {
    const s = this.sequences;
    const { ttft, decode, e2el } = this.metrics.finished(s, slot);
    this.lastEnd = time;
    this.leaveFleet(slot, false, s.arrival[slot]! + e2el, ttft, decode);
  }

  preempted(): void {
    this.metrics.preemptions++;
  }

  between(replica: Replica, now: number): void {
    if (this.fleet.routing !== 'shared-queue') return;
    const { gateway } = this;
    while (
      gateway.size > 0 &&
      replica.hasRoom &&
      replica.role !== (this.arrives(gateway.first) ? 'prefill' : 'decode')
    ) {
      this.give(gateway.shift(), replica, now);
    }
  }

  // --- events ----------------------------------------------------------------------------------------------

  private arrive(now: number): void {
    const { sequences: s, arrival, metrics } = this;
    arrival.hashStart = -1;
    arrival.hashBase = 0;
    arrival.continues = false;
    arrival.task = -1;
    this.source.take(arrival);
    const slot = s.take();
    s.tier[slot] = arrival.tier;
    s.arrival[slot] = now;
    s.prompt[slot] = arrival.promptTokens;
    s.output[slot] = arrival.outputTokens;
    s.target[slot] = arrival.promptTokens;
    s.hashStart[slot] = arrival.hashStart;
    s.hashBase[slot] = arrival.hashBase;
    s.hasPrefix[slot] = arrival.hasPrefix ? 1 : 0;
    s.continues[slot] = arrival.continues ? 1 : 0;
    s.task[slot] = arrival.task;
    if (Number.isNaN(this.firstArrival)) {
      this.firstArrival = now;
      this.lastEnd = now;
      this.timeline?.begin(now);
    }
    metrics.arrived(arrival.tier);
    if (this.router.fits(arrival.promptTokens, arrival.outputTokens)) this.place(slot, now, true);
    else this.reject(slot, now);
  }

  /** Whether its prompt has been taken in elsewhere, and only its cache has to find a place. */
  private arrives(slot: number): boolean {
    return this.sequences.done[slot] === this.sequences.target[slot];
  }

  /** Routes a request to a replica, or keeps it until one can take it. */
  private place(slot: number, now: number, mayReject: boolean): void {
    const { router } = this;
    const replica = router.choose(this.arrives(slot) ? 'decode' : 'prompt', this.prefixOf(slot));
    if (replica === null) {
      if (mayReject && this.gateway.size >= this.fleet.policy.maxQueue) this.reject(slot, now);
      else {
        this.gateway.push(slot);
        this.peakWaiting = Math.max(this.peakWaiting, this.gateway.size);
      }
    } else if (mayReject && replica.waitingCount >= this.fleet.policy.maxQueue) this.reject(slot, now);
    else this.give(slot, replica, now);
  }

  private give(slot: number, replica: Replica, now: number): void {
    replica.enqueue(slot, now);
    this.peakWaiting = Math.max(this.peakWaiting, replica.waitingCount + this.gateway.size);
  }

  /** The blocks of a prompt, for routing by prefix; null where it has none. */
  private prefixOf(slot: number): { readonly blocks: number; readonly at: (index: number) => number } | null {
    const s = this.sequences;
    if (this.fleet.routing !== 'prefix-affinity' || s.hasPrefix[slot] === 0) return null;
    return { blocks: Math.floor(s.prompt[slot]! / BLOCK_TOKENS), at: (index) => this.blockOf(slot, index) };
  }

  private handle(event: Event): void {
    if ('slot' in event) this.movesOn(event.kind, event.slot, event.life);
    else if (event.kind === 'fails') this.fails(event.replica);
    else this.recovers(event.replica);
  }

  private movesOn(kind: 'drained' | 'transferred', slot: number, life: number): void {
    const { now, sequences: s } = this;
    if (s.life[slot] !== life) return;
    const replica = this.replicas[s.replica[slot]!]!;
    if (kind === 'drained') {
      if (s.state[slot] === DRAIN) replica.drained(slot, now);
      return;
    }
    if (s.state[slot] !== TRANSFER) return;
    const computed = s.target[slot]!;
    replica.release(slot, now);
    // Its cache goes with it: all that was computed counts as done.
    s.target[slot] = computed;
    s.done[slot] = computed;
    this.place(slot, now, false);
  }

  private recovers(index: number): void {
    this.failing[index] = this.failing[index]! - 1;
    if (this.failing[index]! > 0) return;
    this.downSeconds += this.downUntil(index, this.now);
    this.replicas[index]!.recover(this.now);
    // A replica that begins to work may take more of them by itself.
    for (let waiting = this.gateway.size; waiting > 0 && this.gateway.size > 0; waiting--) {
      this.place(this.gateway.shift(), this.now, false);
    }
  }

  /** How long a replica that is down has been so since the first request. */
  private downUntil(index: number, time: number): number {
    return Math.max(0, time - Math.max(this.downSince[index]!, this.firstArrival)) || 0;
  }

  private fails(index: number): void {
    const replica = this.replicas[index]!;
    this.failing[index] = this.failing[index]! + 1;
    if (this.failing[index]! > 1) return;
    this.downSince[index] = this.now;
    const s = this.sequences;
    const lost = replica.fail(this.now);
    for (const slot of lost) {
      this.metrics.retried++;
      s.life[slot] = s.life[slot]! + 1;
      // A copy that waited here for its first decoding step has lost its cache as well.
      s.target[slot] = s.prompt[slot]! + s.generated[slot]!;
      s.done[slot] = 0;
      s.replica[slot] = NONE;
    }
    for (const slot of lost) this.place(slot, this.now, false);
  }

  private reject(slot: number, now: number): void {
    // An end as well: what failed or came back up to now is within the time of the result.
    this.lastEnd = now;
    this.metrics.rejected(this.sequences.tier[slot] as 0 | 1);
    this.leaveFleet(slot, true, now, 0, 0);
  }

  private leaveFleet(slot: number, isRejected: boolean, time: number, ttft: number, decode: number): void {
    const task = this.sequences.task[slot]!;
    this.sequences.release(slot);
    this.source.ended(task, { isRejected, time, ttft, decode });
  }

  // --- result ----------------------------------------------------------------------------------------------

  private result(): FleetResult {
    const { metrics, replicas, source } = this;
    const seconds = Number.isNaN(this.firstArrival) ? 0 : this.lastEnd - this.firstArrival;
    const tiers = metrics.tierResults();
    const total = (of: (tier: (typeof tiers)[number]) => number): number =>
      tiers.reduce((sum, tier) => sum + of(tier), 0);
    const requests = total((tier) => tier.requests);
    const finished = total((tier) => tier.finished);
    const rejected = total((tier) => tier.rejected);
    if (this.sequences.live === 0) this.checkEmpty();
    const rate = (count: number): number => (seconds > 0 ? count / seconds : 0);
    const sum = (of: (replica: Replica) => number): number => replicas.reduce((all, r) => all + of(r), 0);
    const kvTokens = sum((r) => r.model.kvTokens);
    const kv = kvTokens * seconds;
    const watts = sum((r) => r.model.watts);
    const dollarsPerHour = sum((r) => r.model.dollarsPerHour);
    const down = replicas.reduce(
      (all, { isUp, index }) => (isUp ? all : all + this.downUntil(index, this.lastEnd)),
      this.downSeconds,
    );
    const up = seconds * replicas.length - down;
    const { generatedTokens } = metrics;
    const interactive = tiers.find((tier) => tier.tier === 'interactive') ?? tiers[0];
    const tpot = interactive?.tpotMs.p50 ?? 0;
    return {
      requests,
      finished,
      rejected,
      preemptions: metrics.preemptions,
      retried: metrics.retried,
      seconds,
      promptTokens: metrics.promptTokens,
      cachedPromptTokens: metrics.cachedPromptTokens,
      generatedTokens,
      requestsPerSecond: rate(finished),
      tokensPerSecond: rate(generatedTokens),
      tokensPerSecondPerUser: tpot > 0 ? 1e3 / tpot : 0,
      goodput: rate(metrics.goodRequests),
      tiers,
      slo: metrics.outcomes(),
      utilisation: up > 0 ? sum((r) => r.busySeconds) / up : 0,
      kvOccupancy: kv > 0 ? sum((r) => r.memory.tokenSeconds) / kv : 0,
      kvOccupancyPeak: Math.max(...replicas.map((r) => r.memory.peakTokens / r.memory.capacity)),
      peakRunning: Math.max(...replicas.map((r) => r.runningPeak)),
      peakWaiting: this.peakWaiting,
      kilowatts: watts / 1e3,
      joulesPerToken: generatedTokens > 0 ? (watts * seconds) / generatedTokens : 0,
      dollarsPerHour,
      dollarsPerMTokens:
        generatedTokens > 0 ? ((dollarsPerHour * seconds) / 3600 / generatedTokens) * 1e6 : 0,
      tasks: 'tasks' in source ? (source as TaskSource).tasks() : null,
      timeline: this.timeline?.points(kvTokens) ?? null,
    };
  }

  /** When every request has ended, no memory may be held: anything else is an error of the simulator. */
  private checkEmpty(): void {
    for (const { memory, prompts, index, running } of this.replicas) {
      if (memory.used === 0 && prompts.pendingTokens === 0 && running === 0) continue;
      throw new MachineError({
        what: `replica ${index} after the last request`,
        given: `${memory.used} tokens of KV memory, ${prompts.pendingTokens} pending, ${running} running`,
        expected: 'none',
        todo: 'Report it: this is an error in the simulator.',
      });
    }
  }
}
