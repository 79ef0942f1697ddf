/** One decode step of a large model as phases: which region works on which op of which layer when, from the timing model. */
import { plain } from '../../../machine/types.js';
import type { WaferMachine } from '../../../machine/wafers.js';
import type { WaferPlan } from '../../../placement/wafer.js';
import type { WaferOp } from '../../../placement/wafer-ops.js';
import type { StepCost } from '../../../timing/cost.js';
import { decodeOpCycles } from '../../../timing/wafer/op-cycles.js';
import { lowerBound } from '../record/intervals.js';

/** What a phase spends its cycles on, in the order in which they follow one another. */
export const PARTS = ['compute', 'fabric', 'latency', 'I/O'] as const;
export type PhasePart = (typeof PARTS)[number];

export interface Phase {
  readonly region: number;
  /** Null: not of a layer, e.g. the head or a hand-over. */
  readonly layer: number | null;
  readonly op: string;
  /** The axis along which partial sums meet, or null where none do. */
  readonly axis: 'x' | 'y' | null;
  readonly startCycle: number;
  readonly cycles: Readonly<Record<PhasePart, number>>;
}

export interface DecodeStep {
  readonly phases: readonly Phase[];
  readonly cycles: number;
  readonly clockHz: number;
}

export function phaseCycles({ cycles }: Phase): number {
  return cycles.compute + cycles.fabric + cycles.latency + cycles['I/O'];
}

/**
 * The phases of one token (or of the batch that passes a region together). They add up to `decode.seconds`; what moves
 * between regions is shared out evenly over its crossings.
 */
export function decodePhases(
  machine: WaferMachine,
  plan: WaferPlan,
  decode: StepCost,
  context: number,
): DecodeStep {
  const { card } = plan;
  const numbers = plain(machine.facts);
  const batch = Math.max(1, plan.users / plan.regionCount);
  const phases: Phase[] = [];
  let now = 0;
  const add = (phase: Omit<Phase, 'startCycle'>): void => {
    const placed = { ...phase, startCycle: now };
    phases.push(placed);
    now += phaseCycles(placed);
  };
  const secondsOf = (op: string): number => decode.ops.find((cost) => cost.op === op)?.seconds ?? 0;
  const crossings = plan.wafers === 1 ? 0 : plan.wafers;
  const returns = plan.wafers === 1 && plan.regionCount > 1 ? 1 : 0;
  const handOvers = Math.max(0, plan.regionCount - plan.wafers) + returns;
  const handOverCycles = (secondsOf('region hand-over') * numbers.clockHz) / Math.max(1, handOvers);
  const crossingCycles = (secondsOf('wafer crossing') * numbers.clockHz) / Math.max(1, crossings);

  for (const [region, own] of plan.regions.entries()) {
    const cost = (op: WaferOp, layer: number | null): void => {
      const kind = layer === null ? null : card.kinds[card.layers[layer]!]!;
      for (const each of decodeOpCycles(op, { kind, context, batch, wafer: numbers })) {
        const cycles = {
          compute: each.computeCycles,
          fabric: each.fabricCycles,
          latency: each.latencyCycles,
          'I/O': 0,
        };
        add({ region, layer, op: each.op, axis: each.axis, cycles });
      }
    };
    for (let layer = own.firstLayer; layer <= own.lastLayer; layer++) {
      const kind = card.kinds[card.layers[layer]!]!;
      for (const op of own.layers.find((each) => each.kind === kind)?.ops ?? []) cost(op, layer);
    }
    for (const op of own.headOps) cost(op, null);
    const next = plan.regions[region + 1];
    const none = { compute: 0, fabric: 0, latency: 0, 'I/O': 0 };
    if (next === undefined ? plan.wafers > 1 : next.wafer !== own.wafer) {
      add({
        region,
        layer: null,
        op: 'wafer crossing',
        axis: null,
        cycles: { ...none, 'I/O': crossingCycles },
      });
    } else if (next !== undefined || returns > 0) {
      add({
        region,
        layer: null,
        op: 'region hand-over',
        axis: null,
        cycles: { ...none, fabric: handOverCycles },
      });
    }
  }
  // What the host and the last region do once a step, whatever the model.
  const control = secondsOf('sampling and control') * numbers.clockHz;
  const cycles = { compute: 0, fabric: 0, latency: control, 'I/O': 0 };
  add({ region: plan.regions.length - 1, layer: null, op: 'sampling and control', axis: null, cycles });
  return { phases, cycles: now, clockHz: numbers.clockHz };
}

/** What happens at a moment of a step. */
export interface PhaseMoment {
  readonly number: number;
  readonly phase: Phase;
  readonly part: PhasePart;
  /** Share of the phase that has passed. */
  readonly progress: number;
}

export function momentAt({ phases }: DecodeStep, cycle: number): PhaseMoment {
  const after = lowerBound(phases.length, (i) => phases[i]!.startCycle, cycle + 1e-9);
  const number = Math.max(0, after - 1);
  const phase = phases[number]!;
  let into = cycle - phase.startCycle;
  const progress = Math.min(1, into / Math.max(1e-9, phaseCycles(phase)));
  for (const part of PARTS) {
    if (into < phase.cycles[part]) return { number, phase, part, progress };
    into -= phase.cycles[part];
  }
  return { number, phase, part: 'latency', progress };
}

/** The longest phases, each op of the step once. */
export function slowestPhases({ phases }: DecodeStep, most: number): Phase[] {
  const longest = new Map<string, Phase>();
  for (const phase of phases) {
    const found = longest.get(phase.op);
    if (found === undefined || phaseCycles(phase) > phaseCycles(found)) longest.set(phase.op, phase);
  }
  return [...longest.values()].sort((a, b) => phaseCycles(b) - phaseCycles(a)).slice(0, most);
}
