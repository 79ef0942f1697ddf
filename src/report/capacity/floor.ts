/** How the model of a capacity search lies on the wafers of an answer, for the floor plan. */
import type { ModelCard } from '../../../models/card.js';
import type { CapacityResult } from '../../fleet/types.js';
import { placeOnWafers, usersThatFit } from '../../placement/wafer.js';
import type { Machine } from '../../timing/estimate-types.js';
import type { PlacedWafer } from './load.js';

/** One copy per wafer machine that has a configuration, with as many sequences of the mean length as fit at once. */
export function placedWafers(
  card: ModelCard,
  machines: readonly Machine[],
  { answers, workload }: CapacityResult,
): PlacedWafer[] {
  return answers.flatMap(({ machine: name, configuration }) => {
    const machine = machines.find((one) => one.name === name);
    if (machine?.kind !== 'wafer' || configuration === null || configuration.grid === null) return [];
    const [width, height] = configuration.grid.split(' x ').map(Number);
    const grid = { width: width!, height: height! };
    const { weightBits, kvBits, machinesPerReplica, maxBatch } = configuration;
    const context = Math.max(2, Math.round(workload.meanPromptTokens + workload.meanOutputTokens));
    const base = { weightBits, kvBits, context };
    const fit = usersThatFit(card, machine, grid, machinesPerReplica, { ...base, users: 1 });
    if (fit < 1) return [];
    const users = Math.min(fit, maxBatch);
    return [{ machine, plan: placeOnWafers(card, machine, grid, machinesPerReplica, { ...base, users }) }];
  });
}
