/**
 * A capacity search as jobs that any thread or machine can do: each finds the least count of one configuration, or
 * a frontier. Inputs, jobs and results are JSON, and a result depends on nothing but inputs and job.
 */
import type { ModelCard } from '../../../models/card.js';
import { knownError } from '../../timing/validation/known-errors.js';
import { answerAssumptions, answerTag, sharedAssumptions } from '../basis.js';
import { openWorkload, type Workload, type WorkloadSpec } from '../requests/workload.js';
import type { CapacityAnswer, CapacityResult, FrontierPoint, Slo } from '../types.js';
import { type Candidate, candidates, type MachineRequest } from './candidates.js';
import {
  frontierOf,
  type LeastCount,
  leastCount,
  machinesOf,
  missedBy,
  type Question,
  shortfallOf,
  worstOf,
} from './least-count.js';

export interface SweepInputs {
  readonly card: ModelCard;
  readonly machines: readonly MachineRequest[];
  readonly workload: WorkloadSpec;
  readonly slo: Slo;
  readonly seed: number;
  /** Null: without limit. */
  readonly maxQueue: number | null;
}

export interface SweepJob {
  readonly kind: 'least' | 'frontier';
  /** Index among the machines. */
  readonly machine: number;
  readonly candidate: Candidate;
}

export type SweepJobResult =
  | { readonly kind: 'least'; readonly least: LeastCount }
  | { readonly kind: 'frontier'; readonly points: readonly FrontierPoint[] };

/** The inputs with their trace read: what a worker keeps between jobs. */
export interface OpenSweep {
  readonly inputs: SweepInputs;
  readonly workload: Workload;
}

/** Errors as `openWorkload`. */
export function openSweep(inputs: SweepInputs): OpenSweep {
  return { inputs, workload: openWorkload(inputs.workload, inputs.card.maxPositionEmbeddings) };
}

export function runJob(sweep: OpenSweep, job: SweepJob): SweepJobResult {
  const request = sweep.inputs.machines[job.machine]!;
  const question = questionOf(sweep);
  if (job.kind === 'least') return { kind: 'least', least: leastCount(question, request, job.candidate) };
  const points = frontierOf(question, request, job.candidate).map(
    ({ users, result, configuration }): FrontierPoint => {
      const [tier] = result.tiers;
      return {
        machine: request.machine.name,
        users,
        tokensPerSecondPerUser: result.tokensPerSecondPerUser,
        tokensPerSecondPerMachine: result.tokensPerSecond / configuration.machinesPerReplica,
        dollarsPerMTokens: result.dollarsPerMTokens,
        ttftP99Ms: tier?.ttftMs.p99 ?? 0,
        tpotP99Ms: tier?.tpotMs.p99 ?? 0,
        configuration,
        onFrontier: false,
      };
    },
  );
  return { kind: 'frontier', points: marked(points) };
}

function questionOf({ inputs, workload }: OpenSweep): Question {
  const { card, slo, seed, maxQueue } = inputs;
  return { card, slo, seed, workload, maxQueue: maxQueue ?? Infinity };
}

/** Marks the points of which no other has more throughput and more interactivity. */
function marked(points: readonly FrontierPoint[]): FrontierPoint[] {
  return points.map((point) => ({
    ...point,
    onFrontier: !points.some(
      (other) =>
        other !== point &&
        other.tokensPerSecondPerUser >= point.tokensPerSecondPerUser &&
        other.tokensPerSecondPerMachine >= point.tokensPerSecondPerMachine,
    ),
  }));
}

/** Runs jobs in any order, wherever; the results come back in the order of the jobs. */
export type JobRunner = (jobs: readonly SweepJob[]) => Promise<readonly SweepJobResult[]>;

/** The whole search: least counts of all configurations, then the frontier of each machine's best one. */
export async function searchCapacity(
  sweep: OpenSweep,
  run: JobRunner,
  command: string,
): Promise<CapacityResult> {
  const { inputs, workload } = sweep;
  const { card, machines, slo, seed } = inputs;
  const tried = machines.map((request) => candidates(card, request, workload.summary, slo));
  const jobs = tried.flatMap(({ list }, machine) =>
    list.map((candidate): SweepJob => ({ kind: 'least', machine, candidate })),
  );
  const found = await run(jobs);
  const best = machines.map((_, machine) => bestOf(jobs, found, machine));
  const frontierJobs = best.flatMap((one, machine): SweepJob[] =>
    one ? [{ kind: 'frontier', machine, candidate: one.candidate }] : [],
  );
  const frontiers = await run(frontierJobs);
  const answers = machines.map((request, machine) =>
    answerOf(sweep, request, best[machine] ?? null, tried[machine]!.reason),
  );
  return {
    simulated: true,
    model: card.name,
    seed,
    slo,
    workload: workload.summary,
    answers,
    frontier: frontiers.flatMap((one) => (one.kind === 'frontier' ? one.points : [])),
    trials: found.flatMap((one) => (one.kind === 'least' ? one.least.trials : [])),
    closest: closestOf(answers),
    assumptions: sharedAssumptions(
      workload.summary,
      inputs.workload.kind === 'agents' ? inputs.workload.spec : null,
      inputs,
    ),
    command,
  };
}

interface Best {
  readonly candidate: Candidate;
  readonly least: LeastCount;
}

/** Of a machine's configurations, the one that meets the SLO with fewest machines, or misses it by least. */
function bestOf(jobs: readonly SweepJob[], found: readonly SweepJobResult[], machine: number): Best | null {
  let best: Best | null = null;
  for (const [index, job] of jobs.entries()) {
    const result = found[index]!;
    if (job.machine !== machine || result.kind !== 'least') continue;
    const one: Best = { candidate: job.candidate, least: result.least };
    if (best === null || isBetter(one.least, best.least)) best = one;
  }
  return best;
}

function isBetter(one: LeastCount, other: LeastCount): boolean {
  if (one.meets !== other.meets) return one.meets;
  if (one.meets) {
    const fewer = machinesOf(one.configuration) - machinesOf(other.configuration);
    return fewer < 0 || (fewer === 0 && worstOf(one.result) < worstOf(other.result));
  }
  return worstOf(one.result) < worstOf(other.result);
}

function answerOf(
  sweep: OpenSweep,
  request: MachineRequest,
  best: Best | null,
  reason: string | null,
): CapacityAnswer {
  const { machine } = request;
  const shared = {
    machine: machine.name,
    title: machine.title,
    kind: machine.kind,
    error: knownError(machine, sweep.inputs.card, request.engine),
    tag: answerTag(sweep.inputs.card, request),
    assumptions: answerAssumptions(sweep.inputs.card, request, best?.least.configuration ?? null),
  };
  if (best === null) {
    return {
      ...shared,
      count: 0,
      meets: false,
      goodput: 0,
      costPerMTokens: 0,
      dollarsPerHour: 0,
      kilowatts: 0,
      joulesPerToken: 0,
      configuration: null,
      result: null,
      shortfall: null,
      reason: reason ?? 'nothing was tried',
    };
  }
  const { result, configuration, meets } = best.least;
  return {
    ...shared,
    count: machinesOf(configuration),
    meets,
    goodput: result.goodput,
    costPerMTokens: result.dollarsPerMTokens,
    dollarsPerHour: result.dollarsPerHour,
    kilowatts: result.kilowatts,
    joulesPerToken: result.joulesPerToken,
    configuration,
    result,
    shortfall: meets ? null : shortfallOf(result),
    reason: null,
  };
}

/** Null as soon as one machine meets the SLO. */
function closestOf(answers: readonly CapacityAnswer[]): CapacityResult['closest'] {
  if (answers.some(({ meets }) => meets)) return null;
  let closest: CapacityResult['closest'] = null;
  for (const { machine, shortfall } of answers) {
    if (shortfall && (closest === null || missedBy(shortfall) < missedBy(closest.shortfall)))
      closest = { machine, shortfall };
  }
  return closest;
}
