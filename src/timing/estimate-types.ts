/** What the planner is asked and what it answers, for wafers and GPUs alike. */
import type { ModelCard } from '../../models/card.js';
import type { Constant, Tag } from '../core/provenance.js';
import type { GpuMachine } from '../machine/gpus.js';
import type { WaferMachine } from '../machine/wafers.js';
import type { WaferPlan } from '../placement/wafer.js';
import type { Bound, Draft, StepCost, Workload } from './cost.js';
import type { EngineName } from './gpu/constants.js';
import type { KnownError } from './validation/known-errors.js';

export type Machine = WaferMachine | GpuMachine;

export interface PlanRequest extends Workload {
  /** Default: as the card is published. */
  readonly weightBits?: number;
  /** Default: as the checkpoint says, or 16, on every machine. */
  readonly kvBits?: number;
  /** Wafers, or GPUs; default: the fewest that hold the model and every user's cache. */
  readonly count?: number;
  /** GPUs that share one copy of the model; default: all of `count`. */
  readonly tensorParallel?: number;
  /** GPUs to which experts are dealt; default 1, every expert cut over all of them. */
  readonly expertParallel?: number;
  readonly engine?: EngineName;
  /** Share of a GPU's memory that weights, cache and reserve may use. */
  readonly memoryShare?: number;
  readonly clockHz?: number;
  /** Side of a wafer's regions; default: searched. */
  readonly side?: number;
  readonly draft?: Draft;
  /** Per wafer or GPU. */
  readonly dollarsPerHour?: number;
}

/** A condition of the result, for people to read: what it is and where it comes from. */
export interface Assumption {
  readonly name: string;
  readonly value: string;
  readonly given: boolean;
}

export interface PlanResult {
  readonly machine: string;
  readonly kind: 'wafer' | 'gpu';
  readonly model: string;
  readonly count: number;
  readonly ttftMs: number;
  readonly tpotMs: number;
  readonly tokensPerSecondPerUser: number;
  /** Generated tokens of all users. */
  readonly tokensPerSecond: number;
  readonly maxUsers: number;
  readonly kvTokens: number;
  readonly kilowatts: number;
  readonly joulesPerToken: number;
  readonly dollarsPerHour: number;
  /** Per million generated tokens. */
  readonly dollarsPerMTokens: number;
  readonly boundBy: Bound;
  readonly prefillBoundBy: Bound;
  readonly tag: Tag;
  readonly decode: StepCost;
  readonly prefill: StepCost;
  readonly assumptions: readonly Assumption[];
  /** How far off the times were on measurements that they were not fitted to. */
  readonly error: KnownError;
  /** Peaks of one machine, for a roofline. */
  readonly peakFlops: number;
  readonly peakBytesPerSecond: number;
  readonly plan?: WaferPlan;
}

/** The width that was asked for, or that the checkpoint has. */
export function weightBitsOf(card: ModelCard, request: PlanRequest): number {
  return request.weightBits ?? card.weightBits;
}

/** The width that was asked for, or that the checkpoint was made for, or 16: the same on every machine. */
export function kvBitsOf(card: ModelCard, request: { readonly kvBits?: number | null }): number {
  return request.kvBits ?? card.kvBits ?? 16;
}

/** The price that was given, or the known one. */
export function priceOf(request: PlanRequest, known: Constant): Constant {
  if (request.dollarsPerHour === undefined) return known;
  return { value: request.dollarsPerHour, tag: 'published', source: 'given' };
}

/** What a machine's model finds out; `finishPlan` adds what follows from it. */
export interface PlanParts {
  readonly machine: string;
  readonly kind: 'wafer' | 'gpu';
  readonly count: number;
  readonly ttftMs: number;
  readonly tpotMs: number;
  readonly admitted: number;
  readonly maxUsers: number;
  readonly kvTokens: number;
  readonly watts: number;
  readonly price: number;
  readonly tag: Tag;
  readonly decode: StepCost;
  readonly prefill: StepCost;
  readonly peakFlops: number;
  readonly peakBytesPerSecond: number;
  readonly plan?: WaferPlan;
  readonly assumptions: readonly Assumption[];
}

/** Throughput, power and cost follow from times, counts and prices. */
export function finishPlan(
  card: ModelCard,
  request: PlanRequest,
  parts: PlanParts,
): Omit<PlanResult, 'error'> {
  const { admitted, watts, price, ...rest } = parts;
  const lifetimeMs = parts.ttftMs + (request.outputTokens - 1) * parts.tpotMs;
  const tokensPerSecond = (request.concurrency * request.outputTokens * 1e3) / lifetimeMs;
  const kilowatts = (watts * parts.count) / 1e3;
  const { draft } = request;
  const common: Assumption[] = [
    {
      name: 'workload',
      value: `${request.concurrency} users, ${request.promptTokens} tokens in, ${request.outputTokens} out, steady state`,
      given: true,
    },
    { name: 'users admitted at once', value: String(admitted), given: false },
    { name: 'price', value: `${price} $/h per machine`, given: request.dollarsPerHour !== undefined },
    ...(draft
      ? [
          {
            name: 'speculative decoding',
            value: `${draft.length} drafted, ${draft.acceptance} accepted, each ${draft.costShare} of a step`,
            given: true,
          },
        ]
      : []),
  ];
  return {
    ...rest,
    model: card.name,
    tokensPerSecondPerUser: 1e3 / parts.tpotMs,
    tokensPerSecond,
    kilowatts,
    joulesPerToken: (kilowatts * 1e3) / tokensPerSecond,
    dollarsPerHour: price * parts.count,
    dollarsPerMTokens: ((price * parts.count) / 3600 / tokensPerSecond) * 1e6,
    boundBy: parts.decode.boundBy,
    prefillBoundBy: parts.prefill.boundBy,
    assumptions: [...common, ...parts.assumptions],
  };
}
