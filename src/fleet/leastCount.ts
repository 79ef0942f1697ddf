/** The fewest copies of the model that meet an SLO: doubling until they do, then bisection. */
import type { ModelCard } from '../../models/card.js';
import { buildReplica, type Candidate, kvBitsOf, type MachineRequest, typicalContext } from './candidates.js';
import type { SchedulerPolicy } from './replica.js';
import { type Fleet, simulateFleet } from './simulate.js';
import { promptAttention, type ReplicaModel, stepSeconds } from './stepTimes.js';
import type { CapacityTrial, FleetConfiguration, FleetResult, Slo, SloOutcome } from './types.js';
import type { Workload } from './workload.js';

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
/** A fleet that idles this much and still misses will not be saved by more machines. */
const IDLE = 0.1;

export function leastCount(question: Question, request: MachineRequest, candidate: Candidate): LeastCount {
  const { card, workload, slo, seed } = question;
  const model = buildReplica(card, request, candidate, typicalContext(workload.summary));
  const share = candidate.isApart ? promptShare(model, workload, candidate, request.maxBatch) : 0;
  const trials: CapacityTrial[] = [];
  const { requests } = workload.summary;
  const mostMisses = Math.floor(requests * (1 - slo.percentile / 100));
  const run = (copies: number, isWhole: boolean): FleetResult => {
    const fleet = fleetOf(model, candidate, question, request, copies, share);
    // Agents are as many as they are: a miss early on does not make the rest pointless.
    const maxMisses = isWhole || workload.summary.agents ? Infinity : mostMisses;
    return simulateFleet({ ...fleet, maxMisses }, workload.source(seed));
  };
  const note = (copies: number, result: FleetResult): boolean => {
    const meets = meetsAll(result);
    trials.push(trialOf(configurationOf(model, candidate, request, copies, share), request, result, meets));
    return meets;
  };
  const first = candidate.isApart ? 2 : 1;
  let low = first - 1;
  let high = first;
  for (;;) {
    const result = run(high, false);
    if (note(high, result)) break;
    low = high;
    if (result.utilisation < IDLE || high * 2 > MOST_COPIES) {
      const whole = run(high, true);
      return {
        meets: false,
        configuration: configurationOf(model, candidate, request, high, share),
        result: whole,
        trials,
      };
    }
    high *= 2;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (note(middle, run(middle, false))) high = middle;
    else low = middle;
  }
  return {
    meets: true,
    configuration: configurationOf(model, candidate, request, high, share),
    result: run(high, true),
    trials,
  };
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
