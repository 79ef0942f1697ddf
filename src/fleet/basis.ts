/** What the answers of a capacity search rest on, each with its source. */
import type { ModelCard } from '../../models/card.js';
import { type Constant, type Tag, weakest } from '../core/provenance.js';
import { waferPrice } from '../machine/prices.js';
import { GPU_CONSTANTS } from '../timing/gpu/constants.js';
import { WAFER_CONSTANTS } from '../timing/wafer/constants.js';
import { QUANTILE_ERROR } from './measure/histogram.js';
import { BLOCK_TOKENS } from './replica/kv-memory.js';
import type { AgentSpec } from './requests/agents.js';
import { meanLength } from './requests/lengths.js';
import { kvBitsOf, type MachineRequest, typicalContext } from './search/candidates.js';
import type { CapacityAssumption, FleetConfiguration, Slo, WorkloadSummary } from './types.js';

/** The known price of a machine; `given` replaces it. */
export function priceOf({
  machine,
  dollarsPerHour,
}: MachineRequest): Constant & { readonly isGiven: boolean } {
  const known = machine.kind === 'wafer' ? waferPrice(machine.name) : machine.facts.dollarsPerHour;
  if (known.value === dollarsPerHour) return { ...known, isGiven: false };
  return { value: dollarsPerHour, tag: 'published', source: 'given on the command line', isGiven: true };
}

/** The weakest of the inputs that decide times, memory, power and price. */
export function answerTag(card: ModelCard, request: MachineRequest): Tag {
  const { machine } = request;
  const price = priceOf(request).tag;
  if (machine.kind === 'gpu') {
    const facts = Object.values(machine.facts).map((fact) => fact.tag);
    return weakest([card.tag, price, ...facts, GPU_CONSTANTS.kernelUs.tag]);
  }
  const { clockHz, cyclesPerMacF16, ioBytesPerSecond, powerWatts } = machine.facts;
  const facts = [clockHz, cyclesPerMacF16, ioBytesPerSecond, powerWatts].map((fact) => fact.tag);
  return weakest([card.tag, price, ...facts, ...Object.values(WAFER_CONSTANTS).map(({ tag }) => tag)]);
}

/** What holds for one kind of machine. */
export function answerAssumptions(
  card: ModelCard,
  request: MachineRequest,
  configuration: FleetConfiguration | null,
): CapacityAssumption[] {
  const { machine } = request;
  const price = priceOf(request);
  const kvBits = kvBitsOf(request);
  const list: CapacityAssumption[] = [
    {
      name: 'price',
      value: `${price.value} $/h per ${machine.kind === 'wafer' ? 'wafer' : 'GPU'}${price.tag === 'guessed' ? ' (an assumption: no price is public)' : ''}`,
      tag: price.tag,
      source: price.source,
      given: price.isGiven,
    },
    {
      name: 'weights and KV cache',
      value: `${request.weightBits} and ${kvBits} bit`,
      tag: card.tag,
      source: card.source,
      given: request.kvBits !== null,
    },
  ];
  if (machine.kind === 'wafer') {
    const { clockHz, powerWatts } = machine.facts;
    const { requestMs, rowCycles } = WAFER_CONSTANTS;
    list.push(
      {
        name: 'clock',
        value: `${clockHz.value / 1e9} GHz`,
        tag: clockHz.tag,
        source: clockHz.source,
        given: false,
      },
      {
        name: 'power',
        value: `${powerWatts.value} W per wafer, always on`,
        tag: powerWatts.tag,
        source: powerWatts.source,
        given: false,
      },
      {
        name: 'way to the server and back',
        value: `${requestMs.value} ms`,
        tag: requestMs.tag,
        source: requestMs.source,
        given: false,
      },
      {
        name: 'prefill kernels',
        value: `${rowCycles.value} cycles per row of k and chunk, whatever its length`,
        tag: rowCycles.tag,
        source: rowCycles.source,
        given: false,
      },
    );
  } else {
    const { systemWatts } = machine.facts;
    const { requestMs, requestPerUserMs, memoryShare } = GPU_CONSTANTS;
    const way = requestMs[request.engine];
    list.push(
      { name: 'engine', value: request.engine, tag: way.tag, source: way.source, given: false },
      {
        name: 'power',
        value: `${systemWatts.value} W per GPU with host and cooling, always on`,
        tag: systemWatts.tag,
        source: systemWatts.source,
        given: false,
      },
      {
        name: 'way to the server and back',
        value: `${way.value} ms, and ${requestPerUserMs[request.engine].value} ms for each other running request`,
        tag: way.tag,
        source: way.source,
        given: false,
      },
      {
        name: 'memory used',
        value: `${(request.memoryShare ?? memoryShare.value) * 100} %, less what the engine keeps for activations and workspaces`,
        tag: memoryShare.tag,
        source: memoryShare.source,
        given: typeof request.memoryShare === 'number',
      },
    );
  }
  if (configuration) {
    list.push({
      name: 'configuration',
      value: configurationText(configuration),
      tag: 'derived',
      source: 'the best of those that the search tried',
      given: request.tensorParallel !== null,
    });
  }
  return list;
}

/** A configuration in a line. */
export function configurationText(of: FleetConfiguration): string {
  const each = of.machinesPerReplica === 1 ? '' : ` of ${of.machinesPerReplica}`;
  const copies =
    of.replicas > 0
      ? `${of.replicas} ${of.replicas === 1 ? 'copy' : 'copies'}${each}`
      : `${of.prefillReplicas} for prompts and ${of.decodeReplicas} for answers${each && `, each${each}`}`;
  const grid = of.grid === null ? '' : `, regions of ${of.grid} PEs`;
  return `${copies}${grid}, ${of.chunkTokens} prompt tokens and ${of.maxBatch} sequences per step at most`;
}

/** What holds for all machines. */
export function sharedAssumptions(
  summary: WorkloadSummary,
  agents: AgentSpec | null,
  { slo, seed, maxQueue }: { readonly slo: Slo; readonly seed: number; readonly maxQueue: number | null },
): CapacityAssumption[] {
  const definition = 'docs/fleet.md';
  const own = (name: string, value: string, given = false): CapacityAssumption => ({
    name,
    value,
    tag: 'derived',
    source: definition,
    given,
  });
  return [
    own('workload', workloadText(summary.name, summary.requests, summary.requestsPerSecond), true),
    ...(agents === null
      ? []
      : [
          {
            name: 'a coding task',
            value: `about ${meanLength(agents.turns)} turns, each with ${meanLength(agents.outputTokens)} tokens of answer, ${meanLength(agents.toolSeconds)} s of tools and ${meanLength(agents.toolTokens)} tokens of their results, after ${meanLength(agents.firstPromptTokens)} tokens of instructions and files`,
            tag: 'guessed' as const,
            source: 'a guess: short edits and searches, few long test runs, nobody in the loop',
            given: false,
          },
        ]),
    own(
      'SLO',
      `each limit at the ${slo.percentile}th percentile of the interactive requests; a refused request misses it`,
      true,
    ),
    own(
      'steps',
      `iteration-level batching with chunked prefill; step times from the timing models for contexts of about ${Math.round(typicalContext(summary))} tokens`,
    ),
    own(
      'routing',
      summary.hasPrefixes
        ? 'to the copy with the longest cached prefix, unless it is behind'
        : 'to the copy with least to do',
    ),
    own(
      'prefix cache',
      summary.hasPrefixes
        ? `blocks of ${BLOCK_TOKENS} tokens, the least recently held go first`
        : 'no prefixes in this workload',
    ),
    own(
      'waiting',
      maxQueue === null ? 'queues without limit' : `at most ${maxQueue} requests per copy`,
      maxQueue !== null,
    ),
    own('quantiles', `from histograms, within ${QUANTILE_ERROR * 100} %; limits are counted exactly`),
    own('cost and energy', 'all machines, from the first arrival to the last token, busy or not'),
    own('failures', 'none; add spares'),
    own('seed', String(seed), true),
  ];
}

function workloadText(name: string, requests: number, perSecond: number): string {
  return `${name}: ${requests} requests${perSecond > 0 ? `, ${perSecond.toPrecision(3)} a second` : ''}`;
}
