/** The figures of a plan, for the console and for reports: what they are called and what they rest on. */
import { type Tag, weakest } from '../../core/provenance.js';
import type { StepCost } from '../../timing/cost.js';
import type { Machine, PlanRequest, PlanResult } from '../../timing/estimate-types.js';
import { GPU_CONSTANTS } from '../../timing/gpu/constants.js';
import { WAFER_CONSTANTS } from '../../timing/wafer/constants.js';
import { factAnchor, machineAnchor, priceConstant } from '../basis.js';
import type { Figure } from '../document/document.js';

type Ground = 'count' | 'first' | 'token' | 'memory' | 'power' | 'energy' | 'price' | 'cost';

export interface PlanFigure {
  readonly label: string;
  readonly of: (result: PlanResult) => number;
  /** The inputs that decide it. */
  readonly ground: Ground;
}

export const PLAN_FIGURES: readonly PlanFigure[] = [
  { label: 'machines', of: (r) => r.count, ground: 'count' },
  { label: 'TTFT, ms', of: (r) => r.ttftMs, ground: 'first' },
  { label: 'TPOT, ms', of: (r) => r.tpotMs, ground: 'token' },
  { label: 'tokens/s per user', of: (r) => r.tokensPerSecondPerUser, ground: 'token' },
  { label: 'tokens/s, all users', of: (r) => r.tokensPerSecond, ground: 'first' },
  { label: 'users that fit', of: (r) => r.maxUsers, ground: 'memory' },
  { label: 'KV capacity, tokens', of: (r) => r.kvTokens, ground: 'memory' },
  { label: 'kW', of: (r) => r.kilowatts, ground: 'power' },
  { label: 'J/token', of: (r) => r.joulesPerToken, ground: 'energy' },
  { label: '$/h', of: (r) => r.dollarsPerHour, ground: 'price' },
  { label: '$/M generated tokens', of: (r) => r.dollarsPerMTokens, ground: 'cost' },
];

const NOT_TIME = new Set(['dollarsPerHour', 'powerWatts', 'systemWatts']);
/** What a wafer's time rests on; the rest of its facts describe PEs for the cycle-level simulator. */
const WAFER_TIME = ['clockHz', 'cyclesPerMacF16', 'ioBytesPerSecond', 'usableColumns', 'usableRows'] as const;

/** The weakest input of one token's time, of a first token's time, of the memory, the power and the price. */
function tagsOf(machine: Machine, cardTag: Tag, price: Tag): Record<Exclude<Ground, 'count'>, Tag> {
  const { requestMs, ...waferConstants } = WAFER_CONSTANTS;
  const timeFacts =
    machine.kind === 'wafer'
      ? WAFER_TIME.map((key) => machine.facts[key].tag)
      : Object.entries(machine.facts).flatMap(([key, fact]) => (NOT_TIME.has(key) ? [] : [fact.tag]));
  const constants =
    machine.kind === 'wafer'
      ? Object.values(waferConstants).map(({ tag }) => tag)
      : [GPU_CONSTANTS.kernelUs.tag];
  const token = weakest([cardTag, ...timeFacts, ...constants]);
  const first = machine.kind === 'wafer' ? weakest([token, requestMs.tag]) : token;
  const memory =
    machine.kind === 'wafer'
      ? weakest([cardTag, machine.facts.sramBytesPerPe.tag, machine.facts.reservedBytesPerPe.tag])
      : weakest([cardTag, machine.facts.memoryBytes.tag, GPU_CONSTANTS.memoryShare.tag]);
  const power = machine.kind === 'wafer' ? machine.facts.powerWatts.tag : machine.facts.systemWatts.tag;
  return {
    first,
    token,
    memory,
    power,
    energy: weakest([first, power]),
    price,
    cost: weakest([first, price]),
  };
}

/** One figure of a result with its anchor and its tag. */
export function planFigure(
  { of, ground }: PlanFigure,
  result: PlanResult,
  machine: Machine,
  { cardTag, request }: { readonly cardTag: Tag; readonly request: PlanRequest },
): Figure {
  const price = priceConstant(machine, request.dollarsPerHour);
  const wafer = machine.kind === 'wafer';
  const memory = factAnchor(machine.name, wafer ? 'sramBytesPerPe' : 'memoryBytes');
  const row: Partial<Record<Ground, string>> = {
    count: memory,
    memory,
    power: factAnchor(machine.name, wafer ? 'powerWatts' : 'systemWatts'),
    price: factAnchor(machine.name, 'dollarsPerHour'),
    cost: factAnchor(machine.name, 'dollarsPerHour'),
  };
  const figure = { value: of(result), basis: row[ground] ?? machineAnchor(machine.name) };
  // A count that was asked for is no finding.
  if (ground === 'count' && request.count !== undefined) return figure;
  return {
    ...figure,
    tag: tagsOf(machine, cardTag, price.tag)[ground === 'count' ? 'memory' : ground],
  };
}

export interface Breakdown {
  readonly op: string;
  readonly ms: number;
  readonly share: number;
  /** Compute, memory, fabric, latency, I/O; milliseconds. */
  readonly parts: readonly number[];
}

export const BREAKDOWN_HEADER = ['op', 'ms', 'share', 'compute', 'memory', 'fabric', 'latency', 'I/O'];

/** Ops of a step, largest first, with what each waits for. */
export function breakdownOf(step: StepCost): Breakdown[] {
  const merged = new Map<string, { seconds: number; parts: number[] }>();
  for (const op of step.ops) {
    const entry = merged.get(op.op) ?? { seconds: 0, parts: [0, 0, 0, 0, 0] };
    entry.seconds += op.seconds;
    [op.computeSeconds, op.memorySeconds, op.fabricSeconds, op.latencySeconds, op.ioSeconds ?? 0].forEach(
      (part, i) => {
        entry.parts[i]! += part;
      },
    );
    merged.set(op.op, entry);
  }
  return [...merged]
    .sort(([, a], [, b]) => b.seconds - a.seconds)
    .map(([op, { seconds, parts }]) => ({
      op,
      ms: seconds * 1e3,
      share: seconds / step.seconds,
      parts: parts.map((part) => part * 1e3),
    }));
}

/** The same as text, for the console. */
export function breakdownRows(step: StepCost): string[][] {
  const ms = (value: number): string => (value === 0 ? '-' : value.toPrecision(3));
  return breakdownOf(step).map(({ op, ms: total, share, parts }) => [
    op,
    ms(total),
    `${(share * 100).toFixed(0)} %`,
    ...parts.map(ms),
  ]);
}
