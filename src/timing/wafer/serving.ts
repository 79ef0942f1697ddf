/**
 * A model served by wafers: layers follow one another from region to region, each region takes the tokens of
 * several users at once, prompts flow through in chunks. Cycles inside, seconds at the edge.
 */
import type { LayerKind, ModelCard } from '../../../models/card.js';
import { plain } from '../../machine/types.js';
import type { WaferMachine, WaferNumbers } from '../../machine/wafers.js';
import {
  attentionBlocks,
  doesNotFit,
  gridsFor,
  layoutOn,
  placeOnWafers,
  regionsOn,
  shaped,
  usersThatFit,
  type WaferLayout,
  type WaferPlacementOptions,
  type WaferPlan,
  wafersNeeded,
} from '../../placement/wafer.js';
import { expertBlockings, type Grid, type WaferOp } from '../../placement/wafer-ops.js';
import { pipelineState } from '../closed-loop.js';
import { type Draft, draftYield, type OpCost, type StepCost, stepOf, type Workload } from '../cost.js';
import { WAFER_CONSTANTS } from './constants.js';
import { decodeOpCycles, type OpCycles, prefillOpCycles } from './op-cycles.js';

export interface WaferServing {
  readonly ttftMs: number;
  readonly tpotMs: number;
  /** With regions cut for room; those of `plan` are cut for speed and may hold fewer. */
  readonly maxUsers: number;
  readonly plan: WaferPlan;
  readonly chunkTokens: number;
  readonly decode: StepCost;
  readonly prefill: StepCost;
  /** Switching energy of arithmetic, SRAM and links for one token; the wall power is another matter. */
  readonly dynamicJoulesPerToken: number;
}

export interface WaferRequest extends Workload {
  readonly weightBits: number;
  readonly kvBits: number;
  /** Wafers, or null for the fewest that hold the model and every user's cache. */
  readonly wafers: number | null;
  /** Size of the regions, or null for a search. */
  readonly grid: Grid | null;
  readonly draft: Draft | null;
}

/** Chunks of a prompt in tokens per PE row that the search tries: the sequence is cut along the rows, so not fewer than one. */
const CHUNK_ROWS = [1, 2, 4, 8, 16];

/**
 * Places and times a workload.
 *
 * @throws ModelError when it does not fit, OptionError for a grid that is larger than the wafer
 */
export function waferServing(card: ModelCard, machine: WaferMachine, request: WaferRequest): WaferServing {
  const { promptTokens, outputTokens, concurrency, weightBits, kvBits } = request;
  const context = promptTokens + outputTokens;
  const base = { weightBits, kvBits, context };
  const grids = request.grid === null ? gridsFor(machine) : [request.grid];
  const wafers = request.wafers ?? fewest(card, machine, grids, { ...base, users: concurrency });
  const numbers = plain(machine.facts);
  let best: { layout: WaferLayout; users: number; seconds: number } | null = null;
  for (const grid of grids) {
    const found = admittedOn(card, machine, grid, wafers, { ...base, users: concurrency });
    // As many wafers as hold everyone were taken to hold everyone.
    if (!found || (request.wafers === null && found.users < concurrency)) continue;
    const { users, layout } = found;
    const quickest = quickestShape(card, machine, layout, context);
    const timed = new Pass(card, numbers, quickest);
    const prompt = timed.prompt(promptTokens);
    const seconds = (prompt.latency + outputTokens * timed.token(context, users, request.draft)) / users;
    if (!best || seconds < best.seconds) best = { layout: quickest, users, seconds };
  }
  if (!best) throw doesNotFit(card, machine, wafers, { ...base, users: 1 });
  const { layout, users } = best;
  const { grid, expertBlocks, attention } = layout;
  const plan = placeOnWafers(card, machine, grid, wafers, { ...base, users }, expertBlocks, attention);
  const maxUsers = mostUsers(card, machine, grids, wafers, { ...base, users: 1 });
  return serve(card, numbers, plan, request, Math.max(users, maxUsers));
}

/** The layout with experts dealt and attention placed as one token is quickest. */
export function quickestShape(
  card: ModelCard,
  machine: WaferMachine,
  layout: WaferLayout,
  context: number,
): WaferLayout {
  const numbers = plain(machine.facts);
  const { width, height } = layout.grid;
  const dealt = expertBlockings(card).filter((blocks) => Math.min(width, height) / blocks >= 8);
  let best = layout;
  let least = Infinity;
  for (const attention of attentionBlocks(card, machine, layout)) {
    for (const expertBlocks of dealt) {
      const shape = { ...layout, ...shaped(card, layout.grid, expertBlocks, attention) };
      const { seconds } = new Pass(card, numbers, shape).decodeCost(context, 1);
      if (seconds < least) [best, least] = [shape, seconds];
    }
  }
  return best;
}

/** Grids that leave least of a wafer over hold most; this many of them are tried. */
const ROOMIEST = 4;

/** The most users whose cache fits, with regions cut for room instead of speed. */
function mostUsers(
  card: ModelCard,
  machine: WaferMachine,
  grids: readonly Grid[],
  wafers: number,
  options: WaferPlacementOptions,
): number {
  const used = (grid: Grid): number => {
    const { columns, rows } = regionsOn(machine, grid);
    return columns * rows * grid.width * grid.height;
  };
  const roomiest = grids.toSorted((a, b) => used(b) - used(a)).slice(0, ROOMIEST);
  return Math.max(...roomiest.map((grid) => usersThatFit(card, machine, grid, wafers, options)));
}

/** Users up to the wanted number that fit; looks for the exact limit only when not all do. */
function admittedOn(
  card: ModelCard,
  machine: WaferMachine,
  grid: Grid,
  wafers: number,
  options: WaferPlacementOptions,
): { users: number; layout: WaferLayout } | null {
  const all = layoutOn(card, machine, grid, wafers, options);
  if (all) return { users: options.users, layout: all };
  const users = usersThatFit(card, machine, grid, wafers, options);
  const layout = users > 0 ? layoutOn(card, machine, grid, wafers, { ...options, users }) : null;
  return layout && { users, layout };
}

function fewest(
  card: ModelCard,
  machine: WaferMachine,
  grids: readonly Grid[],
  options: WaferPlacementOptions,
): number {
  const wafers = Math.min(...grids.map((grid) => wafersNeeded(card, machine, grid, options)));
  if (!Number.isFinite(wafers)) throw doesNotFit(card, machine, 1, options);
  return wafers;
}

function serve(
  card: ModelCard,
  numbers: WaferNumbers,
  plan: WaferPlan,
  request: WaferRequest,
  maxUsers: number,
): WaferServing {
  const { promptTokens, outputTokens, concurrency, draft } = request;
  const pass = new Pass(card, numbers, plan);
  const prompt = pass.prompt(promptTokens);
  const context = promptTokens + outputTokens / 2;
  const admitted = plan.users;
  const steps = Math.max(1, outputTokens - 1);
  const requestSeconds = WAFER_CONSTANTS.requestMs.value * 1e-3 + 2 * numbers.ioLatencySeconds;
  const state = pipelineState(admitted, steps, {
    decode: (running) => pass.token(context, running, draft),
    // Tokens and prompts move through the regions one behind the other: a prompt delays by its busiest region.
    prompt: prompt.busiest,
    own: prompt.latency,
    away: requestSeconds,
  });
  const admission = ((concurrency - admitted) / admitted) * state.lifetimeSeconds;
  const decode = pass.decodeCost(context, pass.batch(admitted));
  return {
    ttftMs: (requestSeconds + state.firstSeconds + admission) * 1e3,
    tpotMs: state.tokenSeconds * 1e3,
    maxUsers,
    plan,
    chunkTokens: prompt.chunk,
    decode,
    prefill: pass.prefillCost(prompt.chunk, promptTokens),
    dynamicJoulesPerToken: pass.joules(context),
  };
}

/** The closed forms of one plan. All regions have the same size, so a layer kind is costed once. */
export class Pass {
  private readonly card: ModelCard;
  private readonly wafer: WaferNumbers;
  private readonly plan: WaferLayout;
  private readonly kinds: readonly { kind: LayerKind; count: number; ops: readonly WaferOp[] }[];
  private readonly head: readonly WaferOp[];

  constructor(card: ModelCard, wafer: WaferNumbers, plan: WaferLayout) {
    this.card = card;
    this.wafer = wafer;
    this.plan = plan;
    this.kinds = card.kinds.map((kind, index) => ({
      kind,
      count: card.layers.filter((k) => k === index).length,
      ops: plan.placed.kinds[index]!,
    }));
    this.head = plan.placed.head;
  }

  /** Tokens of different users that pass a region together. */
  batch(running: number): number {
    return Math.max(1, running / this.plan.regionCount);
  }

  /** Seconds per token and user with `running` users decoding. */
  token(context: number, running: number, draft: Draft | null): number {
    if (!draft) return this.decodeCost(context, this.batch(running)).seconds;
    // The drafted tokens of a user pass one behind the other, as more users would.
    const check = this.decodeCost(context, this.batch(running) * (draft.length + 1)).seconds;
    const draftSeconds = draft.length * draft.costShare * this.decodeCost(context, 1).seconds;
    return (check + draftSeconds) / draftYield(draft);
  }

  /** One pass of a batch through all layers, the head and back to the first region. */
  decodeCost(context: number, batch: number): StepCost {
    const ops = this.decodeOps(context, batch).map(({ cycles, count }) => this.cost(cycles, count));
    return stepOf([...ops, ...this.handOver(batch, true), this.sampling()]);
  }

  /** All ops of a step, with how often the model has each. */
  private decodeOps(context: number, batch: number): { cycles: OpCycles; count: number }[] {
    const { wafer } = this;
    const layers = [...this.kinds, { kind: null, count: 1, ops: this.head }];
    return layers.flatMap(({ kind, count, ops }) =>
      ops.flatMap((op) =>
        decodeOpCycles(op, { kind, context, batch, wafer }).map((cycles) => ({ cycles, count })),
      ),
    );
  }

  /** One chunk of a prompt through all regions, one after another. */
  prefillCost(tokens: number, promptTokens: number): StepCost {
    const context = (promptTokens + tokens) / 2;
    const ops = this.kinds.flatMap(({ kind, count, ops: layer }) =>
      layer.flatMap((op) =>
        prefillOpCycles(op, { kind, tokens, context, wafer: this.wafer, streams: true }).map((cycles) =>
          this.cost(cycles, count),
        ),
      ),
    );
    return stepOf([...ops, ...this.handOver(tokens, false)]);
  }

  /** A prompt in the chunks that bring its first token earliest. */
  prompt(promptTokens: number): { latency: number; busiest: number; chunk: number } {
    let best: { latency: number; busiest: number; chunk: number } | null = null;
    for (const rows of CHUNK_ROWS) {
      const chunk = Math.min(promptTokens, rows * this.plan.grid.height);
      const chunks = Math.ceil(promptTokens / chunk);
      const through = this.prefillCost(promptTokens / chunks, promptTokens).seconds;
      const stage = through * this.largestShare();
      const latency = through + (chunks - 1) * stage + this.decodeCost(promptTokens, 1).seconds;
      if (!best || latency < best.latency)
        best = { latency, busiest: stage * chunks, chunk: promptTokens / chunks };
      if (chunk === promptTokens) break;
    }
    return best!;
  }

  /** Energy of switching for one decoded token, joules: MACs, the operands they read, wavelets over links. */
  joules(context: number): number {
    const bytesPerMac = this.plan.weightBits / 8 + 2;
    const perMac = this.wafer.energyPjPerMacF16 + bytesPerMac * this.wafer.energyPjPerSramByte;
    const picojoules = this.decodeOps(context, 1).reduce(
      (sum, { cycles, count }) =>
        sum + count * (cycles.macs * perMac + cycles.hops * this.wafer.energyPjPerHop),
      0,
    );
    return picojoules * 1e-12;
  }

  /** The share of the layers that the fullest region has. */
  private largestShare(): number {
    return this.plan.mostLayers / this.card.layers.length;
  }

  /** From region to region on a wafer, from wafer to wafer, and for the next token back to the start. */
  private handOver(tokens: number, back: boolean): OpCost[] {
    const { regionCount, wafers, grid } = this.plan;
    const side = Math.max(grid.width, grid.height);
    const wafer = this.wafer;
    const onWafer = regionCount - 1 - (wafers - 1);
    const tile = (Math.ceil(this.card.hiddenSize / side) / 2) * tokens;
    const hop = side * wafer.hopLatencyCycles + 2 * wafer.rampLatencyCycles + tile;
    const returns = back && regionCount > 1 && wafers === 1 ? side * Math.sqrt(regionCount) : 0;
    const cycles = Math.max(0, onWafer) * hop + returns;
    const region = this.cost(
      {
        op: 'region hand-over',
        axis: null,
        computeCycles: 0,
        fabricCycles: cycles,
        latencyCycles: 0,
        macs: 0,
        hops: 0,
      },
      1,
    );
    if (wafers === 1) return [region];
    const crossings = wafers - 1 + (back ? 1 : 0);
    const seconds =
      crossings * (wafer.ioLatencySeconds + (tokens * this.card.hiddenSize * 2) / wafer.ioBytesPerSecond);
    const none = { computeSeconds: 0, memorySeconds: 0, fabricSeconds: 0, latencySeconds: 0, flops: 0 };
    const bytes = crossings * tokens * this.card.hiddenSize * 2;
    return [region, { op: 'wafer crossing', ...none, ioSeconds: seconds, seconds, bytes }];
  }

  /** What a step takes besides the model. */
  private sampling(): OpCost {
    const seconds = WAFER_CONSTANTS.stepUs.value * 1e-6;
    const none = { computeSeconds: 0, memorySeconds: 0, fabricSeconds: 0, flops: 0, bytes: 0 };
    return { op: 'sampling and control', ...none, latencySeconds: seconds, seconds };
  }

  private cost(cycles: OpCycles, count: number): OpCost {
    const perCycle = count / this.wafer.clockHz;
    const computeSeconds = cycles.computeCycles * perCycle;
    const fabricSeconds = cycles.fabricCycles * perCycle;
    const latencySeconds = cycles.latencyCycles * perCycle;
    return {
      op: cycles.op,
      computeSeconds,
      memorySeconds: 0,
      fabricSeconds,
      latencySeconds,
      seconds: computeSeconds + fabricSeconds + latencySeconds,
      flops: 2 * cycles.macs * count,
      bytes: (cycles.macs * count * this.plan.weightBits) / 8,
    };
  }
}
