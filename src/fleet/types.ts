/** What a fleet simulation and a capacity search answer. All times are simulated; metrics are defined in docs/fleet.md. */
import type { Tag } from '../core/provenance.js';
import type { SimulatedMs } from '../core/units.js';
import type { KnownError } from '../timing/validation/known-errors.js';

export type Tier = 'interactive' | 'batch';

/** A distribution in a few numbers; quantiles come from a histogram and are exact to `QUANTILE_ERROR`. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: SimulatedMs;
  readonly p50: SimulatedMs;
  readonly p90: SimulatedMs;
  readonly p95: SimulatedMs;
  readonly p99: SimulatedMs;
  readonly max: SimulatedMs;
}

/** Limits in milliseconds; each holds at `percentile` of the interactive requests, and a rejected one misses it. */
export interface Slo {
  readonly ttftMs?: number;
  readonly tpotMs?: number;
  readonly itlMs?: number;
  readonly e2elMs?: number;
  /** 0 to 100; 99 unless given, as MLPerf Inference does. */
  readonly percentile: number;
}

export type SloMetric = 'ttft' | 'tpot' | 'itl' | 'e2el';

/** One limit, and what was reached at the percentile asked for. */
export interface SloOutcome {
  readonly metric: SloMetric;
  readonly limitMs: number;
  readonly reachedMs: SimulatedMs;
  /** Share of the requests (for `itl`: of the tokens) within the limit; counted, not read off a histogram. */
  readonly attained: number;
  readonly meets: boolean;
}

export interface TierResult {
  readonly tier: Tier;
  readonly requests: number;
  readonly finished: number;
  readonly rejected: number;
  readonly ttftMs: LatencySummary;
  readonly tpotMs: LatencySummary;
  readonly itlMs: LatencySummary;
  readonly e2elMs: LatencySummary;
  readonly queueDelayMs: LatencySummary;
}

/** Coding tasks of many turns, for workloads of agents. */
export interface TaskResult {
  readonly tasks: number;
  readonly turns: number;
  readonly taskMs: LatencySummary;
  /** Mean per task: waiting for first tokens, for further tokens, for tools, for the person. */
  readonly meanFirstTokenMs: SimulatedMs;
  readonly meanDecodeMs: SimulatedMs;
  readonly meanToolMs: SimulatedMs;
  readonly meanThinkMs: SimulatedMs;
}

/** The state of a fleet over one stretch of a run: stretches are equal but for the last, which ends with the run. */
export interface TimelinePoint {
  /** End of the stretch, since the first arrival. */
  readonly seconds: number;
  /** Share of the KV memory that live sequences held, mean over the stretch. */
  readonly kvOccupancy: number;
}

/** What happened to a workload on one fleet. */
export interface FleetResult {
  readonly requests: number;
  readonly finished: number;
  readonly rejected: number;
  /** Sequences that lost their KV cache to others and were computed again. */
  readonly preemptions: number;
  /** Requests that a failed machine had to hand to another one. */
  readonly retried: number;
  /** From the first arrival to the last token. */
  readonly seconds: number;
  readonly promptTokens: number;
  readonly cachedPromptTokens: number;
  readonly generatedTokens: number;
  readonly requestsPerSecond: number;
  readonly tokensPerSecond: number;
  /** Median of what one user sees after the first token: 1000 / median TPOT. */
  readonly tokensPerSecondPerUser: number;
  /** Requests per second that finish within every limit; all that finish when there is no SLO. */
  readonly goodput: number;
  readonly tiers: readonly TierResult[];
  readonly slo: readonly SloOutcome[];
  /** Share of the time that machines computed, mean over machines that were up. */
  readonly utilisation: number;
  /** Share of the KV memory that live sequences held, mean over time and its peak. */
  readonly kvOccupancy: number;
  readonly kvOccupancyPeak: number;
  readonly peakRunning: number;
  readonly peakWaiting: number;
  readonly kilowatts: number;
  readonly joulesPerToken: number;
  readonly dollarsPerHour: number;
  readonly dollarsPerMTokens: number;
  readonly tasks: TaskResult | null;
  /** A few hundred points at most, however long the run; null where it was not asked for. */
  readonly timeline: readonly TimelinePoint[] | null;
}

/** How machines of one kind are grouped into copies of the model and what each copy takes at once. */
export interface FleetConfiguration {
  readonly machine: string;
  /** GPUs of one tensor-parallel group, or wafers of one pipeline. */
  readonly machinesPerReplica: number;
  /** Copies that take prompts and answers alike; 0 when prefill and decode are apart. */
  readonly replicas: number;
  readonly prefillReplicas: number;
  readonly decodeReplicas: number;
  /** Prompt tokens that one step takes at most. */
  readonly chunkTokens: number;
  /** Sequences that one copy runs at once at most. */
  readonly maxBatch: number;
  readonly weightBits: number;
  readonly kvBits: number;
  /** Wafers: PEs of one region, such as `360 x 360`; null on GPUs. */
  readonly grid: string | null;
}

/** A number that a result rests on: what, how much, from where, how far it can be trusted. */
export interface CapacityAssumption {
  readonly name: string;
  readonly value: string;
  readonly tag: Tag;
  readonly source: string;
  /** Given by the user rather than taken for granted. */
  readonly given: boolean;
}

/** The answer for one kind of machine: the least count that was found, or the closest that came. */
export interface CapacityAnswer {
  readonly machine: string;
  readonly title: string;
  readonly kind: 'wafer' | 'gpu';
  /** Machines: wafers or GPUs. 0 when the model does not fit on any configuration tried. */
  readonly count: number;
  readonly meets: boolean;
  /** Requests per second within the SLO. */
  readonly goodput: number;
  /** Dollars per million generated tokens. */
  readonly costPerMTokens: number;
  readonly dollarsPerHour: number;
  readonly kilowatts: number;
  readonly joulesPerToken: number;
  readonly configuration: FleetConfiguration | null;
  readonly result: FleetResult | null;
  /** The limit that is missed by most; null when all are met. */
  readonly shortfall: SloOutcome | null;
  /** Why there is no configuration at all. */
  readonly reason: string | null;
  /** How far off the times were on measurements that they were not fitted to. */
  readonly error: KnownError;
  /** The weakest input of the answer. */
  readonly tag: Tag;
  readonly assumptions: readonly CapacityAssumption[];
}

/** Throughput against interactivity: one copy of the model under N users with one request in flight each. */
export interface FrontierPoint {
  readonly machine: string;
  readonly users: number;
  readonly tokensPerSecondPerUser: number;
  readonly tokensPerSecondPerMachine: number;
  readonly dollarsPerMTokens: number;
  readonly ttftP99Ms: SimulatedMs;
  readonly tpotP99Ms: SimulatedMs;
  readonly configuration: FleetConfiguration;
  /** No other point of this machine has more of both. */
  readonly onFrontier: boolean;
}

/** The workload in words and numbers, for tables and captions. */
export interface WorkloadSummary {
  readonly name: string;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly rateScale: number;
  readonly meanPromptTokens: number;
  readonly p99PromptTokens: number;
  readonly meanOutputTokens: number;
  readonly p99OutputTokens: number;
  readonly hasPrefixes: boolean;
  readonly agents: boolean;
}

/** One fleet that the search tried. */
export interface CapacityTrial {
  /** False: stopped as soon as the SLO was out of reach, so the numbers are of the requests until then. */
  readonly isComplete: boolean;
  readonly machine: string;
  readonly count: number;
  readonly meets: boolean;
  readonly goodput: number;
  readonly ttftMs: SimulatedMs;
  readonly tpotMs: SimulatedMs;
  readonly dollarsPerMTokens: number;
  readonly configuration: FleetConfiguration;
}

export interface CapacityResult {
  readonly simulated: true;
  readonly model: string;
  readonly seed: number;
  readonly slo: Slo;
  readonly workload: WorkloadSummary;
  /** In the order in which the machines were given. */
  readonly answers: readonly CapacityAnswer[];
  readonly frontier: readonly FrontierPoint[];
  readonly trials: readonly CapacityTrial[];
  /** When no machine meets the SLO: which comes closest, and by how much it misses. */
  readonly closest: { readonly machine: string; readonly shortfall: SloOutcome } | null;
  /** What holds for all machines: workload, scheduling, metrics. */
  readonly assumptions: readonly CapacityAssumption[];
  readonly command: string;
}
