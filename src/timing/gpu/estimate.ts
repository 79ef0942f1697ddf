/** The planner's answer for GPUs: how many share a copy of the model, how many copies there are. */
import { headsOf, type ModelCard } from '../../../models/card.js';
import { OptionError } from '../../core/errors.js';
import { weakest } from '../../core/provenance.js';
import { formatBytes } from '../../core/units.js';
import type { GpuMachine } from '../../machine/gpus.js';
import { plain } from '../../machine/types.js';
import {
  finishPlan,
  kvBitsOf,
  type PlanRequest,
  type PlanResult,
  priceOf,
  weightBitsOf,
} from '../estimate-types.js';
import { ENGINE_NAMES, GPU_CONSTANTS, type GpuConstants, gpuConstants } from './constants.js';
import { type GpuServing, gpuReserveBytes, gpuServing } from './serving.js';
import type { GpuNumbers, GpuSetup } from './step.js';

/** Times the workload on GPUs; errors as `plan`. */
export function planOnGpus(
  card: ModelCard,
  machine: GpuMachine,
  request: PlanRequest,
): Omit<PlanResult, 'error'> {
  if (request.clockHz !== undefined || request.side !== undefined) {
    throw new OptionError({
      what: `options for ${machine.name}`,
      given: request.side === undefined ? 'a clock' : 'a grid',
      expected: 'options that a GPU knows',
      todo: 'Leave --clock and --grid to wafers.',
    });
  }
  const weightBits = weightBitsOf(card, request);
  const engine = request.engine ?? 'vllm';
  const constants = constantsOf(machine, request);
  const kvBits = kvBitsOf(card, request);
  const { served, setup, replicas } = chooseGpus(card, machine, request, { weightBits, kvBits, engine });
  const price = priceOf(request, machine.facts.dollarsPerHour);
  const facts = Object.values(machine.facts).map((fact) => fact.tag);
  const at =
    weightBits === 4 && machine.nativeBits.includes(4)
      ? machine.facts.flops4
      : weightBits <= 8 && machine.nativeBits.includes(8)
        ? machine.facts.flops8
        : machine.facts.flops16;
  return finishPlan(card, request, {
    machine: machine.name,
    kind: 'gpu',
    count: setup.tensorParallel * replicas,
    ttftMs: served.ttftMs,
    tpotMs: served.tpotMs,
    admitted: Math.min(request.concurrency, served.maxUsers * replicas),
    maxUsers: served.maxUsers * replicas,
    kvTokens: served.kvTokens * replicas,
    watts: machine.facts.systemWatts.value,
    price: price.value,
    tag: weakest([card.tag, price.tag, ...facts, GPU_CONSTANTS.kernelUs.tag]),
    decode: served.decode,
    prefill: served.prefill,
    peakFlops: at.value,
    peakBytesPerSecond: machine.facts.memoryBytesPerSecond.value,
    assumptions: [
      { name: 'weights', value: `${weightBits} bit`, given: request.weightBits !== undefined },
      { name: 'KV cache', value: `${kvBits} bit`, given: request.kvBits !== undefined },
      { name: 'engine', value: engine, given: request.engine !== undefined },
      {
        name: 'tensor parallelism',
        value: String(setup.tensorParallel),
        given: request.tensorParallel !== undefined,
      },
      { name: 'replicas', value: String(replicas), given: request.count !== undefined },
      ...(setup.expertParallel > 1
        ? [{ name: 'expert parallelism', value: String(setup.expertParallel), given: true }]
        : []),
      {
        name: 'memory used',
        value: `${Math.round(constants.memoryShare * 100)} % of ${formatBytes(machine.facts.memoryBytes.value)}, of which ${formatBytes(gpuReserveBytes(card, setup, constants))} for activations, graphs and workspaces (${GPU_CONSTANTS.expertCopies.tag})`,
        given: request.memoryShare !== undefined,
      },
      { name: 'prefill chunk', value: `${constants.chunkTokens} tokens`, given: false },
      {
        name: 'power per GPU',
        value: `${machine.facts.systemWatts.value} W with host and cooling (${machine.facts.systemWatts.tag})`,
        given: false,
      },
    ],
  });
}

/** The constants, with what the machine's file and the request have in their place. */
export function constantsOf(
  { serving = {} }: GpuMachine,
  { memoryShare }: { readonly memoryShare?: number | null },
): GpuConstants {
  // How many sequences run at once is the scheduler's to know.
  const { maxRunning: _, ...costs } = serving;
  const own = Object.fromEntries(
    Object.entries(costs).map(([name, { value }]) => {
      const isByEngine = typeof gpuConstants[name as keyof typeof costs] === 'object';
      return [name, isByEngine ? Object.fromEntries(ENGINE_NAMES.map((engine) => [engine, value])) : value];
    }),
  );
  return { ...gpuConstants, ...own, ...(memoryShare && { memoryShare }) };
}

interface GpuChoice {
  readonly served: GpuServing;
  readonly setup: GpuSetup;
  readonly replicas: number;
}

/**
 * Of the given GPUs, or of the smallest power of two that holds the model and every user's cache, the best cut into
 * tensor-parallel groups with a copy of the model each.
 */
function chooseGpus(
  card: ModelCard,
  machine: GpuMachine,
  request: PlanRequest,
  stored: Pick<GpuSetup, 'weightBits' | 'kvBits' | 'engine'>,
): GpuChoice {
  const { count, tensorParallel } = request;
  if (count !== undefined && tensorParallel !== undefined && count % tensorParallel !== 0) {
    throw new OptionError({
      what: 'GPUs',
      given: `${count} with tensor parallelism ${tensorParallel}`,
      expected: `a multiple of ${tensorParallel}`,
      todo: 'Pass another --count or --tp.',
    });
  }
  const attempt = (tp: number, replicas: number): GpuChoice => {
    const expertParallel = request.expertParallel ?? 1;
    if (tp % expertParallel !== 0) {
      throw new OptionError({
        what: 'expert parallelism',
        given: `${expertParallel} of ${tp} GPUs`,
        expected: `a divisor of ${tp}`,
        todo: 'Pass another --ep.',
      });
    }
    const setup: GpuSetup = {
      ...stored,
      tensorParallel: tp,
      expertParallel,
      expertTensorParallel: tp / expertParallel,
      dataParallel: 1,
      slots: Infinity,
    };
    const workload = { ...request, concurrency: Math.ceil(request.concurrency / replicas) };
    const numbers = { ...networked(machine, tp), nativeBits: machine.nativeBits };
    return {
      served: gpuServing(
        card,
        numbers,
        setup,
        workload,
        Infinity,
        constantsOf(machine, request),
        request.draft ?? null,
      ),
      setup,
      replicas,
    };
  };
  const totals = count ?? tensorParallel;
  let best: GpuChoice | null = null;
  let failure: unknown = null;
  for (const total of totals === undefined ? powersOfTwo(MAX_AUTO_GPUS) : [totals]) {
    for (const tp of tensorParallel === undefined ? powersOfTwo(total) : [tensorParallel]) {
      if (total % tp !== 0) continue;
      if (tensorParallel === undefined && headsOf(card) % tp !== 0) continue;
      try {
        const choice = attempt(tp, total / tp);
        if (best === null || isBetter(choice, best, request)) best = choice;
      } catch (error) {
        failure = error;
      }
    }
    if (best !== null && admitted(best, request) === request.concurrency) return best;
  }
  if (best !== null) return best;
  throw failure;
}

const admitted = ({ served, replicas }: GpuChoice, { concurrency }: PlanRequest): number =>
  Math.min(concurrency, served.maxUsers * replicas);

/** More users at once; for as many, requests that end sooner. */
function isBetter(one: GpuChoice, other: GpuChoice, request: PlanRequest): boolean {
  const more = admitted(one, request) - admitted(other, request);
  const requestMs = ({ served }: GpuChoice): number =>
    served.ttftMs + served.tpotMs * (request.outputTokens - 1);
  return more > 0 || (more === 0 && requestMs(one) < requestMs(other));
}

/** 1, 2, 4 and so on up to `most`. */
function powersOfTwo(most: number): number[] {
  return Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i);
}

/** More GPUs than this have to be asked for with --count. */
const MAX_AUTO_GPUS = 64;
/** Between nodes: one 400 Gb/s adapter per GPU, and NVIDIA's planner's point-to-point latency. */
export const NODE_LINK_BYTES_PER_SECOND = 50e9;
export const NODE_LATENCY_US = 10;

/** The GPU's numbers, with the network between nodes as its link when the group is larger than a node. */
function networked(machine: GpuMachine, group: number): Omit<GpuNumbers, 'nativeBits'> {
  const numbers = plain(machine.facts);
  if (group <= machine.perNode) return numbers;
  return {
    ...numbers,
    linkBytesPerSecond: Math.min(numbers.linkBytesPerSecond, NODE_LINK_BYTES_PER_SECOND),
    allReduceUs: numbers.allReduceUs + NODE_LATENCY_US,
  };
}
