/** The fewest copies of the model that meet an SLO: doubling until they do, then bisection. */
import type { ModelCard } from '../../../models/card.js';
import type { SchedulerPolicy } from '../replica/scheduling.js';
import { promptAttention, type ReplicaModel, stepSeconds } from '../replica/step-times.js';
import type { Workload } from '../requests/workload.js';
import { type Fleet, simulateFleet } from '../simulate.js';
import type { CapacityTrial, FleetConfiguration, FleetResult, Slo, SloOutcome } from '../types.js';
import { buildReplica, type Candidate, kvBitsOf, type MachineRequest, typicalContext } from './candidates.js';

export interface Question {
  readonly card: ModelCard;
  readonly slo: Slo;
  readonly seed: number;
  readonly workload: Workload;
  readonly maxQueue: number;
}

export interface LeastCount {
  readonly meets: boolean;
  readonly configuration: FleetConfiguration;
  readonly result: FleetResult;
  readonly trials: readonly CapacityTrial[];
}

/** More copies than this are not searched. */
const MOST_COPIES = 4096;
/** Requests of one user who has the fleet to himself: what no number of machines can better. */
const ALONE_REQUESTS = 400;
/** Of so few requests the share within a limit is known to about this much. */
const ALONE_DOUBT = 0.02;
/** Doubling that gains less than this has come to its end. */
const WORTH_DOUBLING = 0.98;

export function leastCount(question: Question, request: MachineRequest, candidate: Candidate): LeastCount {
  const search = new Search(question, request, candidate);
  return search.isHopeless() ? search.closest() : search.least();
}

class Search {
  private readonly question: Question;
  private readonly request: MachineRequest;
  private readonly candidate: Candidate;
  private readonly model: ReplicaModel;
  /** Of all copies, those that take prompts, when these are apart. */
  private readonly share: number;
  private readonly first: number;
  private readonly trials: CapacityTrial[] = [];

  constructor(question: Question, request: MachineRequest, candidate: Candidate) {
    const { card, workload } = question;
    this.question = question;
    this.request = request;
    this.candidate = candidate;
    this.model = buildReplica(card, request, candidate, typicalContext(workload.summary));
    this.share = candidate.isApart ? promptShare(this.model, workload, candidate, request.maxBatch) : 0;
    this.first = candidate.isApart ? 2 : 1;
  }

  /** Whether even a user alone misses the SLO. */
  isHopeless(): boolean {
    const { workload, seed, slo } = this.question;
    const alone = simulateFleet(this.fleet(this.first), workload.closedLoop(1, ALONE_REQUESTS, seed));
    return alone.slo.some(({ attained }) => attained < slo.percentile / 100 - ALONE_DOUBT);
  }

  least(): LeastCount {
    let low = this.first - 1;
    let high = this.first;
    while (!this.attempt(high)) {
      if (high * 2 > MOST_COPIES) return this.answer(high, this.run(high, Infinity), false);
      low = high;
      high *= 2;
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.attempt(middle)) high = middle;
      else low = middle;
    }
    return this.answer(high, this.run(high, Infinity), true);
  }

  /** The fleet beyond which more machines hardly help. */
  closest(): LeastCount {
    let copies = this.first;
    let result = this.run(copies, Infinity);
    this.note(copies, result);
    while (copies * 2 <= MOST_COPIES) {
      const next = this.run(copies * 2, Infinity);
      this.note(copies * 2, next);
      if (worstOf(next) > WORTH_DOUBLING * worstOf(result)) break;
      copies *= 2;
      result = next;
    }
    return this.answer(copies, result, meetsAll(result));
  }

  private attempt(copies: number): boolean {
    const { workload, slo } = this.question;
    const { requests, agents } = workload.summary;
    // Agents are as many as they are: how many requests they will send is not known.
    const misses = agents ? Infinity : Math.floor(requests * (1 - slo.percentile / 100));
    return this.note(copies, this.run(copies, misses));
  }

  private run(copies: number, maxMisses: number): FleetResult {
    const { workload, seed } = this.question;
    // Only a whole run can become an answer.
    const keepsTimeline = maxMisses === Infinity;
    return simulateFleet({ ...this.fleet(copies), maxMisses, keepsTimeline }, workload.source(seed));
  }

  private fleet(copies: number): Fleet {
    return fleetOf(this.model, this.candidate, this.question, this.request, copies, this.share);
  }

  private configuration(copies: number): FleetConfiguration {
    return configurationOf(this.model, this.candidate, this.request, copies, this.share);
  }

  private note(copies: number, result: FleetResult): boolean {
    const meets = meetsAll(result);
    this.trials.push(trialOf(this.configuration(copies), this.request, result, meets));
    return meets;
  }

  private answer(copies: number, result: FleetResult, meets: boolean): LeastCount {
    return { meets, configuration: this.configuration(copies), result, trials: this.trials };
  }
}

/** By how much the limits are used at most: above 1 they are missed. */
export function worstOf(result: FleetResult): number {
  return Math.max(0, ...result.slo.map(missedBy));
}

export function meetsAll(result: FleetResult): boolean {
  return result.slo.every(({ meets }) => meets);
}

/** The limit that is missed by the largest factor; null when all are met. */
export function shortfallOf(result: FleetResult): SloOutcome | null {
  const missed = result.slo.filter(({ meets }) => !meets);
  if (missed.length === 0) return null;
  return missed.reduce((worst, one) => (missedBy(one) > missedBy(worst) ? one : worst));
}

export function missedBy({ reachedMs, limitMs }: SloOutcome): number {
  return reachedMs / limitMs;
}

export function policyOf(candidate: Candidate, request: MachineRequest, maxQueue: number): SchedulerPolicy {
  return {
    maxBatch: request.maxBatch,
    chunkTokens: candidate.chunkTokens,
    maxQueue,
    prefixCache: true,
    reservesAnswer: request.engine === 'trtllm' && request.machine.kind === 'gpu',
  };
}

/** How many of `copies` take prompts, when prompts and answers are apart. */
function promptCopies(copies: number, share: number): number {
  return Math.min(copies - 1, Math.max(1, Math.round(copies * share)));
}

function fleetOf(
  model: ReplicaModel,
  candidate: Candidate,
  { slo, workload, maxQueue }: Question,
  request: MachineRequest,
  copies: number,
  share: number,
): Fleet {
  const forPrompts = candidate.isApart ? promptCopies(copies, share) : 0;
  return {
    replicas: Array.from({ length: copies }, (_, index) => ({
      model,
      role: candidate.isApart
        ? index < forPrompts
          ? ('prefill' as const)
          : ('decode' as const)
        : ('both' as const),
    })),
    policy: policyOf(candidate, request, maxQueue),
    routing: workload.summary.hasPrefixes ? 'prefix-affinity' : 'least-loaded',
    slo,
  };
}

/** The share of the work of a mean request that its prompt is. */
function promptShare(
  model: ReplicaModel,
  { summary }: Workload,
  { chunkTokens }: Candidate,
  maxBatch: number,
): number {
  const { times } = model;
  const prompt = Math.max(1, Math.round(summary.meanPromptTokens));
  let promptWork = 0;
  for (let done = 0; done < prompt; done += chunkTokens) {
    const tokens = Math.min(chunkTokens, prompt - done);
    promptWork += stepSeconds(times, 0, 0, tokens, 0) + promptAttention(times, done, tokens);
  }
  const context = prompt + summary.meanOutputTokens / 2;
  const batch = Math.max(1, Math.min(maxBatch, 16, Math.floor(model.kvTokens / context)));
  const tokenWork = (stepSeconds(times, batch, context, 0, 0) * summary.meanOutputTokens) / batch;
  return promptWork / (promptWork + tokenWork);
}

function configurationOf(
  model: ReplicaModel,
  candidate: Candidate,
  request: MachineRequest,
  copies: number,
  share: number,
): FleetConfiguration {
  const forPrompts = candidate.isApart ? promptCopies(copies, share) : 0;
  return {
    machine: request.machine.name,
    machinesPerReplica: model.machines,
    replicas: candidate.isApart ? 0 : copies,
    prefillReplicas: forPrompts,
    decodeReplicas: candidate.isApart ? copies - forPrompts : 0,
    chunkTokens: candidate.chunkTokens,
    maxBatch: request.maxBatch,
    weightBits: request.weightBits,
    kvBits: kvBitsOf(request),
    grid: candidate.grid && `${candidate.grid.width} x ${candidate.grid.height}`,
  };
}

export function machinesOf({
  machinesPerReplica,
  replicas,
  prefillReplicas,
  decodeReplicas,
}: FleetConfiguration): number {
  return machinesPerReplica * (replicas + prefillReplicas + decodeReplicas);
}

function trialOf(
  configuration: FleetConfiguration,
  request: MachineRequest,
  result: FleetResult,
  meets: boolean,
): CapacityTrial {
  const reached = (metric: SloOutcome['metric']): number =>
    result.slo.find((outcome) => outcome.metric === metric)?.reachedMs ??
    result.tiers.find(({ tier }) => tier === 'interactive')?.[metric === 'ttft' ? 'ttftMs' : 'tpotMs'].p99 ??
    0;
  return {
    isComplete: result.finished + result.rejected === result.requests,
    machine: request.machine.name,
    count: machinesOf(configuration),
    meets,
    goodput: result.goodput,
    ttftMs: reached('ttft'),
    tpotMs: reached('tpot'),
    dollarsPerMTokens: result.dollarsPerMTokens,
    configuration,
  };
}

/** Throughput against interactivity of one copy, by users with one request in flight each. */
export function frontierOf(
  question: Question,
  request: MachineRequest,
  candidate: Candidate,
): { readonly users: number; readonly result: FleetResult; readonly configuration: FleetConfiguration }[] {
  const { card, workload, seed, slo } = question;
  const whole = { ...candidate, isApart: false };
  const model = buildReplica(card, request, whole, typicalContext(workload.summary));
  const points = [];
  for (let users = 1; users <= request.maxBatch; users *= 2) {
    const fleet = fleetOf(model, whole, { ...question, maxQueue: Infinity }, request, 1, 0);
    const requests = Math.max(MIN_FRONTIER_REQUESTS, users * FRONTIER_TURNS);
    const result = simulateFleet({ ...fleet, slo }, workload.closedLoop(users, requests, seed));
    points.push({ users, result, configuration: configurationOf(model, whole, request, 1, 0) });
  }
  return points;
}

const MIN_FRONTIER_REQUESTS = 64;
const FRONTIER_TURNS = 6;
