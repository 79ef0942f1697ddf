/** A machine of the race as data: its speed, what it draws and costs, and how many of it stand for one of the other. */
import type { SimulatedMs } from '../../core/units.js';
import type { Planned } from '../plan/ask/api.js';
import { machineLabel } from '../plan/ask/machines.js';

export const EQUALS = ['machines', 'dollars', 'watts'] as const;
export type Equal = (typeof EQUALS)[number];

export interface Lane {
  readonly machine: string;
  readonly kind: 'wafer' | 'gpu';
  /** How many of which machine, e.g. `4 × WSE-3`, all copies together. */
  readonly label: string;
  /** Groups that each hold the model and serve a user of their own. */
  readonly copies: number;
  readonly ttftMs: SimulatedMs;
  /** Of one user. */
  readonly tokensPerSecond: number;
  readonly kilowatts: number;
  readonly dollarsPerHour: number;
}

function laneOf(planned: Planned): Lane | null {
  if ('problem' in planned) return null;
  const { machine, kind, count, ttftMs, tokensPerSecondPerUser, kilowatts, dollarsPerHour } = planned.result;
  return {
    machine,
    kind,
    label: `${count} × ${machineLabel(machine)}`,
    copies: 1,
    ttftMs,
    tokensPerSecond: tokensPerSecondPerUser,
    kilowatts,
    dollarsPerHour,
  };
}

/** The lanes; at equal dollars or watts the cheaper machine comes in as many whole copies as the dearer one pays for. */
export function lanesOf(planned: readonly Planned[], equal: Equal): readonly (Lane | null)[] {
  const lanes = planned.map(laneOf);
  if (equal === 'machines') return lanes;
  const spend = ({ dollarsPerHour, kilowatts }: Lane): number =>
    equal === 'dollars' ? dollarsPerHour : kilowatts;
  const most = Math.max(0, ...lanes.map((lane) => (lane === null ? 0 : spend(lane))));
  return lanes.map((lane, index) => {
    const plan = planned[index]!;
    if (lane === null || 'problem' in plan) return null;
    const copies = Math.max(1, Math.floor(most / spend(lane)));
    return {
      ...lane,
      copies,
      label: `${copies * plan.result.count} × ${machineLabel(lane.machine)}`,
      kilowatts: copies * lane.kilowatts,
      dollarsPerHour: copies * lane.dollarsPerHour,
    };
  });
}
