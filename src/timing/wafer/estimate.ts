/** The planner's answer for wafers. */
import type { ModelCard } from '../../../models/card.js';
import { OptionError } from '../../core/errors.js';
import { type Constant, weakest } from '../../core/provenance.js';
import { waferPrice } from '../../machine/prices.js';
import type { WaferMachine } from '../../machine/wafers.js';
import {
  finishPlan,
  kvBitsOf,
  type PlanRequest,
  type PlanResult,
  priceOf,
  weightBitsOf,
} from '../estimate-types.js';
import { WAFER_CONSTANTS } from './constants.js';
import { waferServing } from './serving.js';

/** Places and times the workload on wafers; errors as `plan`. */
export function planOnWafers(
  card: ModelCard,
  machine: WaferMachine,
  request: PlanRequest,
): Omit<PlanResult, 'error'> {
  if (
    request.tensorParallel !== undefined ||
    request.engine !== undefined ||
    request.expertParallel !== undefined ||
    request.memoryShare !== undefined
  ) {
    throw new OptionError({
      what: `options for ${machine.name}`,
      given: 'tensor or expert parallelism, a memory share, or a serving engine',
      expected: 'options that a wafer knows: tensor and expert parallelism stay inside it',
      todo: 'Leave --tp, --ep, --memory-share and --engine to GPUs.',
    });
  }
  const clock: Constant =
    request.clockHz === undefined
      ? machine.facts.clockHz
      : { value: request.clockHz, tag: 'derived', source: 'given' };
  const at: WaferMachine = {
    ...machine,
    facts: { ...machine.facts, clockHz: { ...machine.facts.clockHz, ...clock } },
  };
  const weightBits = weightBitsOf(card, request);
  const kvBits = kvBitsOf(card, request);
  const served = waferServing(card, at, {
    ...request,
    weightBits,
    kvBits,
    wafers: request.count ?? null,
    grid: request.side === undefined ? null : { width: request.side, height: request.side },
    draft: request.draft ?? null,
  });
  const price = priceOf(request, waferPrice(machine.name));
  const { plan: placed } = served;
  const facts = at.facts;
  const tags = [
    card.tag,
    price.tag,
    facts.clockHz.tag,
    facts.cyclesPerMacF16.tag,
    facts.ioBytesPerSecond.tag,
    facts.powerWatts.tag,
  ];
  const constants = Object.values(WAFER_CONSTANTS).map((constant) => constant.tag);
  const pes = facts.usableColumns.value * facts.usableRows.value;
  return finishPlan(card, request, {
    machine: machine.name,
    kind: 'wafer',
    count: placed.wafers,
    ttftMs: served.ttftMs,
    tpotMs: served.tpotMs,
    admitted: Math.min(request.concurrency, placed.users),
    maxUsers: served.maxUsers,
    kvTokens: served.maxUsers * placed.context,
    watts: facts.powerWatts.value,
    price: price.value,
    tag: weakest([...tags, ...constants]),
    decode: served.decode,
    prefill: served.prefill,
    peakFlops: (2 * pes * facts.clockHz.value) / facts.cyclesPerMacF16.value,
    peakBytesPerSecond: pes * facts.clockHz.value * facts.sramReadBytesPerCycle.value,
    plan: placed,
    assumptions: [
      { name: 'weights', value: `${weightBits} bit`, given: request.weightBits !== undefined },
      { name: 'KV cache', value: `${kvBits} bit`, given: request.kvBits !== undefined },
      {
        name: 'clock',
        value: `${facts.clockHz.value / 1e9} GHz (${facts.clockHz.tag})`,
        given: request.clockHz !== undefined,
      },
      {
        name: 'regions',
        value: `${placed.regions.length} of ${placed.grid.width} x ${placed.grid.height} PEs`,
        given: request.side !== undefined,
      },
      ...(placed.expertBlocks > 1
        ? [{ name: 'experts', value: `dealt to ${placed.expertBlocks ** 2} blocks per region`, given: false }]
        : []),
      ...(placed.attention === placed.grid
        ? []
        : [
            {
              name: 'attention',
              value: `on a block of ${placed.attention.width} x ${placed.attention.height} PEs in each region`,
              given: false,
            },
          ]),
      {
        name: 'sums of norms and softmax',
        value:
          'ride on the reductions of the products beside them (published kernels: reductions of their own)',
        given: false,
      },
      {
        name: 'regions in a pipeline',
        value: 'in lockstep: a prompt’s chunk delays every token by its fullest region',
        given: false,
      },
      {
        name: 'sampling and control',
        value: `${WAFER_CONSTANTS.stepUs.value} us per step (${WAFER_CONSTANTS.stepUs.tag})`,
        given: false,
      },
      ...(weightBits < 16
        ? [
            {
              name: 'widening weights',
              value: 'taken to cost nothing beside the multiplication',
              given: false,
            },
          ]
        : []),
      { name: 'prefill chunk', value: `${Math.round(served.chunkTokens)} tokens`, given: false },
      {
        name: 'request overhead',
        value: `${WAFER_CONSTANTS.requestMs.value} ms (${WAFER_CONSTANTS.requestMs.tag})`,
        given: false,
      },
      {
        name: 'switching energy',
        value: `${served.dynamicJoulesPerToken.toPrecision(2)} J/token (guessed); J/token above is wall power`,
        given: false,
      },
    ],
  });
}
