/** Ways to serve a model on one kind of machine that a capacity search tries, the promising ones first. */
import { headsOf, type ModelCard } from '../../../models/card.js';
import { ModelError, WaferflowError } from '../../core/errors.js';
import type { GpuMachine } from '../../machine/gpus.js';
import { plain } from '../../machine/types.js';
import type { WaferMachine } from '../../machine/wafers.js';
import { gridsFor, layoutOn, usersThatFit, wafersNeeded } from '../../placement/wafer.js';
import type { Grid } from '../../placement/wafer-ops.js';
import type { Machine } from '../../timing/estimate-types.js';
import type { EngineName } from '../../timing/gpu/constants.js';
import { constantsOf } from '../../timing/gpu/estimate.js';
import type { GpuSetup } from '../../timing/gpu/step.js';
import { WAFER_CONSTANTS } from '../../timing/wafer/constants.js';
import { Pass, quickestShape } from '../../timing/wafer/serving.js';
import { gpuReplica } from '../replica/gpu-replica.js';
import type { ReplicaModel } from '../replica/step-times.js';
import { waferReplica } from '../replica/wafer-replica.js';
import type { Slo, WorkloadSummary } from '../types.js';

/** What a search may vary is left out; what is given holds for every configuration. */
export interface MachineRequest {
  readonly machine: Machine;
  readonly dollarsPerHour: number;
  readonly weightBits: number;
  readonly kvBits: number | null;
  readonly engine: EngineName;
  readonly tensorParallel: number | null;
  readonly maxBatch: number;
  /** Share of a GPU's memory that may be used; null: as engines do. */
  readonly memoryShare?: number | null;
}

/** JSON: everything from which a replica can be built again on another thread. */
export interface Candidate {
  readonly machinesPerReplica: number;
  readonly chunkTokens: number;
  readonly isApart: boolean;
  /** Wafers only. */
  readonly grid: Grid | null;
  readonly attention: Grid | null;
  readonly expertBlocks: number;
}

const CHUNKS = [512, 2048, 8192];
/** Kinds of regions of wafers that are simulated, of all that fit. */
const KEPT_GRIDS = 3;
const CHUNK_ROWS = [1, 2, 4, 8];

/** The configurations to try, and why there are none when there are none. */
export function candidates(
  card: ModelCard,
  request: MachineRequest,
  workload: WorkloadSummary,
  slo: Slo,
): { readonly list: readonly Candidate[]; readonly reason: string | null } {
  const { machine } = request;
  const list =
    machine.kind === 'gpu'
      ? gpuCandidates(card, machine, request)
      : waferCandidates(card, machine, request, workload, slo);
  const built: Candidate[] = [];
  let reason: string | null = list.length === 0 ? `no split of ${card.name} fits on ${machine.name}` : null;
  for (const candidate of list) {
    try {
      const { kvTokens } = buildReplica(card, request, candidate, typicalContext(workload));
      const most = workload.p99PromptTokens + workload.p99OutputTokens;
      if (kvTokens >= most) built.push(candidate);
      else reason = `its memory holds ${kvTokens} tokens of KV cache, and long requests have ${most}`;
    } catch (error) {
      if (!(error instanceof WaferflowError)) throw error;
      reason = error.message;
    }
  }
  return { list: built, reason: built.length > 0 ? null : reason };
}

export function typicalContext({ meanPromptTokens, meanOutputTokens }: WorkloadSummary): number {
  return meanPromptTokens + meanOutputTokens;
}

/** The replica of a candidate; errors as `gpuReplica` and `waferReplica`. */
export function buildReplica(
  card: ModelCard,
  request: MachineRequest,
  candidate: Candidate,
  context: number,
): ReplicaModel {
  const { machine, maxBatch, weightBits, dollarsPerHour } = request;
  const shape = { maxBatch, chunkTokens: candidate.chunkTokens, typicalContext: context };
  if (machine.kind === 'wafer') {
    if (candidate.grid === null) throw new Error('a wafer’s candidate without a grid');
    const setup = {
      wafers: candidate.machinesPerReplica,
      grid: candidate.grid,
      attention: candidate.attention ?? candidate.grid,
      expertBlocks: candidate.expertBlocks,
      weightBits,
      kvBits: kvBitsOf(request),
    };
    return waferReplica(card, machine, dollarsPerHour, setup, shape);
  }
  const { name, nativeBits, facts } = machine;
  return gpuReplica(
    card,
    { name, numbers: { ...plain(facts), nativeBits }, watts: facts.systemWatts.value, dollarsPerHour },
    gpuSetup(request, candidate.machinesPerReplica),
    constantsOf(machine, request),
    shape,
  );
}

/** The width that was given, or 16: the same on every machine of a comparison. */
export function kvBitsOf({ kvBits }: Pick<MachineRequest, 'kvBits'>): number {
  return kvBits ?? 16;
}

function gpuSetup(request: MachineRequest, tensorParallel: number): GpuSetup {
  return {
    tensorParallel,
    expertTensorParallel: tensorParallel,
    expertParallel: 1,
    dataParallel: 1,
    weightBits: request.weightBits,
    kvBits: kvBitsOf(request),
    engine: request.engine,
    slots: Infinity,
  };
}

function gpuCandidates(card: ModelCard, machine: GpuMachine, request: MachineRequest): Candidate[] {
  const splits: number[] = [];
  for (let tp = 1; tp <= machine.perNode && headsOf(card) % tp === 0; tp *= 2) splits.push(tp);
  const wanted = request.tensorParallel === null ? splits : [request.tensorParallel];
  const shared = { grid: null, attention: null, expertBlocks: 1 };
  const own = machine.serving?.chunkTokens?.value;
  return wanted.flatMap((machinesPerReplica) => [
    ...(own === undefined ? CHUNKS : [own]).map((chunkTokens) => ({
      machinesPerReplica,
      chunkTokens,
      isApart: false,
      ...shared,
    })),
    // Apart, a prompt stalls no answer, so it is taken in large pieces.
    { machinesPerReplica, chunkTokens: own ?? CHUNKS.at(-1)!, isApart: true, ...shared },
  ]);
}

interface Scored {
  readonly candidate: Candidate;
  readonly first: number;
  readonly meets: boolean;
  /** Wafers times the seconds that a mean request holds them. */
  readonly work: number;
}

/** All grids and some lengths of pipeline in closed form; the quickest and the thriftiest are kept. */
function waferCandidates(
  card: ModelCard,
  machine: WaferMachine,
  request: MachineRequest,
  workload: WorkloadSummary,
  slo: Slo,
): Candidate[] {
  const numbers = plain(machine.facts);
  const context = Math.max(2, Math.round(typicalContext(workload)));
  const base = { weightBits: request.weightBits, kvBits: kvBitsOf(request), context };
  const grids = gridsFor(machine);
  const fewest = Math.min(...grids.map((grid) => wafersNeeded(card, machine, grid, { ...base, users: 1 })));
  if (!Number.isFinite(fewest)) throw notOnWafer(card, machine);
  const lengths = [...new Set([fewest, fewest + 1, Math.ceil(fewest * 1.5), fewest * 2])];
  const prompt = Math.min(workload.p99PromptTokens, card.maxPositionEmbeddings);
  const overhead = WAFER_CONSTANTS.requestMs.value * 1e-3;
  const scored: Scored[] = [];
  for (const wafers of lengths) {
    for (const grid of grids) {
      const users = usersThatFit(card, machine, grid, wafers, { ...base, users: 1 });
      const layout = users > 0 ? layoutOn(card, machine, grid, wafers, { ...base, users }) : null;
      if (!layout) continue;
      const shaped = quickestShape(card, machine, layout, context);
      const { expertBlocks, attention } = shaped;
      const pass = new Pass(card, numbers, shaped);
      const share = layout.mostLayers / card.layers.length;
      const token = pass.decodeCost(context, 1).seconds;
      for (const rows of CHUNK_ROWS) {
        const chunkTokens = rows * grid.height;
        const through = (tokens: number): { first: number; busy: number } => {
          const chunks = Math.ceil(tokens / chunkTokens);
          const one = pass.prefillCost(tokens / chunks, tokens).seconds;
          return { first: one * (1 + (chunks - 1) * share), busy: one * share * chunks };
        };
        const first = overhead + through(prompt).first + token;
        const stalled = token + pass.prefillCost(chunkTokens, 2 * chunkTokens).seconds * share;
        scored.push({
          candidate: {
            machinesPerReplica: wafers,
            chunkTokens,
            isApart: false,
            grid,
            attention,
            expertBlocks,
          },
          first,
          meets: first * 1e3 <= (slo.ttftMs ?? Infinity) && token * 1e3 <= (slo.tpotMs ?? Infinity),
          work:
            wafers *
            (through(workload.meanPromptTokens).busy +
              (workload.meanOutputTokens * stalled) / Math.min(users, request.maxBatch)),
        });
        if (chunkTokens >= prompt) break;
      }
    }
  }
  const good = scored.filter(({ meets }) => meets);
  const byWork = (good.length > 0 ? good : scored).toSorted((a, b) => a.work - b.work).slice(0, KEPT_GRIDS);
  const byFirst = scored.toSorted((a, b) => a.first - b.first).slice(0, KEPT_GRIDS);
  const kept = [...new Set([...byWork, ...byFirst])].map(({ candidate }) => candidate);
  return [...kept, { ...byWork[0]!.candidate, isApart: true }];
}

function notOnWafer(card: ModelCard, machine: WaferMachine): ModelError {
  return new ModelError({
    what: `${card.name} on ${machine.name}`,
    given: 'a layer that is larger than a wafer',
    expected: 'layers that fit',
    todo: 'Use fewer bits per weight.',
  });
}
