/**
 * Cycles of one op on a grid of PEs, in closed form: arithmetic at the sustained rate, wavelets over hops and
 * through the stages of a K-tree, fixed costs of tasks. A K-tree all-reduce stores and forwards: each stage adds
 * what arrived before it passes it on, then the centre floods the sum back (He et al., WaferLLM, OSDI 2025).
 */
import type { Attention, ModelCard } from '../../../models/card.js';
import { attentionOf, attentionSpan, type LayerKind } from '../../../models/card.js';
import type { WaferNumbers } from '../../machine/wafers.js';
import type { Reduce } from '../../placement/plan.js';
import type { Grid, WaferExchange, WaferOp } from '../../placement/wafer-ops.js';
import { WAFER_CONSTANTS } from './constants.js';

/** Cycles by what the PEs wait for; they add up, as an op's parts follow one another. */
export interface OpCycles {
  readonly op: string;
  readonly computeCycles: number;
  readonly fabricCycles: number;
  readonly latencyCycles: number;
  readonly macs: number;
  /** Wavelets times links, for energy. */
  readonly hops: number;
}

const c = WAFER_CONSTANTS;

/** Elements of a 16-bit type in `wavelets` 32-bit wavelets. */
function waveletsOf(elements: number): number {
  return elements <= 1 ? elements : Math.ceil(elements / 2);
}

/** A K-tree all-reduce of `elements` f16 per PE along a line: reduce to the centre, flood back. */
function allReduceCycles(
  reduce: Reduce,
  elements: number,
  wafer: WaferNumbers,
): { fabric: number; latency: number } {
  const { parts, groupSize } = reduce;
  if (parts < 2) return { fabric: 0, latency: 0 };
  const inside = Math.min(groupSize, parts) >> 1;
  const between = Math.ceil(parts / groupSize) >> 1;
  const distance = inside + between * groupSize + (parts >> 1);
  const stages = inside + between;
  const stage = 2 * wafer.rampLatencyCycles + 1 + c.stageTaskCycles.value;
  return {
    fabric: distance * wafer.hopLatencyCycles + (waveletsOf(elements) / c.addsPerCycle.value) * stages,
    latency: stage * stages,
  };
}

/** One decode op for `batch` tokens at once, each with `context` tokens before it. */
export function decodeOpCycles(
  op: WaferOp,
  card: ModelCard,
  kind: LayerKind | null,
  context: number,
  batch: number,
  wafer: WaferNumbers,
): OpCycles {
  const { width: across, height: down } = op.grid;
  const lines = op.reduce.axis === 'x' ? down : across;
  let elements = batch;
  let macsPerPe = 0;
  let grids = 1;
  if (op.kind === 'matmul') {
    // With blocks, the products of a batch's experts spread over them; the fullest block sets the time.
    const turns = op.blocks === 1 ? op.active * batch : Math.max(1, (op.active * batch) / op.blocks);
    const rows = op.stacked * Math.ceil((op.rows.extent * turns) / op.stacked / op.rows.parts);
    elements = rows + op.riders * batch;
    macsPerPe = rows * Math.ceil(op.columns.extent / op.columns.parts);
    grids = op.blocks === 1 ? 1 : Math.min(op.blocks, op.active * batch);
  } else if (op.kind === 'exchange') {
    elements = Math.ceil(op.width.extent / op.width.parts) * batch;
    if (op.name === 'block hand-over') return handOverCycles(op, elements, wafer);
  } else if (op.kind === 'state') {
    elements = 0;
    macsPerPe = (op.macs * batch) / (across * down);
  } else if (op.kind === 'attention') {
    const seen = kind ? Math.min(context, attentionSpan(card, kind)) : context;
    const positions = Math.ceil(seen / down);
    const width = Math.ceil(op.width.extent / across);
    elements = ((op.name === 'score' ? positions : width) + op.riders) * batch;
    macsPerPe = positions * width * batch;
  }
  const { fabric, latency } = allReduceCycles(op.reduce, elements, wafer);
  return {
    op: nameOf(op),
    computeCycles: macsPerPe * wafer.cyclesPerMacF16,
    fabricCycles: fabric,
    latencyCycles: latency + c.opCycles.value,
    macs: macsPerPe * across * down * grids,
    // Every line of the grid reduces and floods: each of its links carries the tile once each way.
    hops: waveletsOf(elements) * 2 * (op.reduce.parts - 1) * lines * grids,
  };
}

/** A hidden vector from a block amid the region to all of it, or back: it crosses the block's edge and floods, unadded. */
function handOverCycles(op: WaferExchange, elements: number, wafer: WaferNumbers): OpCycles {
  const distance = (op.grid.width + op.grid.height) / 2;
  const wavelets = waveletsOf(elements);
  return {
    op: op.name,
    computeCycles: 0,
    fabricCycles: distance * wafer.hopLatencyCycles + wavelets,
    latencyCycles: 2 * wafer.rampLatencyCycles + c.stageTaskCycles.value,
    macs: 0,
    hops: wavelets * distance,
  };
}

/** In a K-tree that tokens stream through, a centre adds once within its group and once between groups. */
const STREAM_LEVELS = 2;

/**
 * A product whose weights stay where decode has them while the tokens of a chunk stream through one behind the other:
 * arithmetic and adds per token, the way through the tree once.
 */
function streamCycles(
  tokens: number,
  rows: number,
  columns: number,
  reduce: Reduce,
  lines: number,
  wafer: WaferNumbers,
): Omit<OpCycles, 'op'> {
  const way = allReduceCycles(reduce, 1, wafer);
  const levels = reduce.parts < 2 ? 0 : STREAM_LEVELS;
  const macsPerPe = tokens * rows * columns;
  return {
    computeCycles: macsPerPe * wafer.cyclesPerMacF16,
    fabricCycles: way.fabric + (levels * tokens * waveletsOf(rows)) / c.addsPerCycle.value,
    latencyCycles: way.latency + c.opCycles.value + levels * tokens * c.stageTaskCycles.value,
    macs: macsPerPe * reduce.parts * lines,
    hops: tokens * waveletsOf(rows) * 2 * (reduce.parts - 1) * lines,
  };
}

const totalOf = ({ computeCycles, fabricCycles, latencyCycles }: Omit<OpCycles, 'op'>): number =>
  computeCycles + fabricCycles + latencyCycles;

/**
 * A MeshGEMM of X [tokens, k] with W [k, n] on the grid: P compute-shift steps, in each of which a PE goes through the
 * k rows of its tile and adds, for every column of W, a vector over its tokens. Tiles are padded to whole rows and
 * columns, which are multiplied as well, as the public kernels do (MeshInfra/WaferLLM, prefill.csl); vectors are as
 * long as the tokens that a PE has on average.
 */
function gemmCycles(
  tokens: number,
  k: number,
  n: number,
  grid: Grid,
  wafer: WaferNumbers,
): Omit<OpCycles, 'op'> {
  // On a rectangle the longer side has to be gone round.
  const side = Math.max(grid.width, grid.height);
  const macs = tokens * k * n;
  const rows = side * Math.ceil(k / side);
  const perRow = (tokens / grid.height) * Math.ceil(n / grid.width);
  // Shifting a tile on takes less time than computing with it and is hidden behind it.
  return {
    computeCycles: rows * perRow * wafer.cyclesPerMacF16 * c.gemmMacFactor.value,
    fabricCycles: 0,
    latencyCycles: rows * c.rowCycles.value,
    macs,
    hops: ((tokens * k + k * n) / 2) * 2,
  };
}

/**
 * One prefill op for `tokens` tokens that attend to `context` tokens each; norms are lost in the products. With
 * `streams` a product may let tokens stream instead of being a MeshGEMM, whichever is sooner done.
 */
export function prefillOpCycles(
  op: WaferOp,
  card: ModelCard,
  kind: LayerKind | null,
  tokens: number,
  context: number,
  wafer: WaferNumbers,
  streams = true,
): OpCycles | null {
  if (op.kind === 'scalar') return null;
  const { grid } = op;
  if (op.kind === 'state') {
    const macs = op.macs * tokens;
    const computeCycles = (macs / (grid.width * grid.height)) * wafer.cyclesPerMacF16;
    return {
      op: op.name,
      computeCycles,
      fabricCycles: 0,
      latencyCycles: c.opCycles.value + tokens * c.stageTaskCycles.value,
      macs,
      hops: 0,
    };
  }
  const side = Math.max(grid.width, grid.height);
  if (op.kind === 'attention') {
    const seen = kind ? Math.min(context, attentionSpan(card, kind)) : context;
    const width = prefillWidth(kind ? attentionOf(card, kind) : card.attention, op.name);
    if (streams) {
      const positions = Math.ceil(seen / grid.height);
      const own = Math.ceil(width / grid.width);
      const [rows, columns] = op.name === 'score' ? [positions, own] : [own, positions];
      const lines = op.reduce.axis === 'x' ? grid.height : grid.width;
      return { op: nameOf(op), ...streamCycles(tokens, rows, columns, op.reduce, lines, wafer) };
    }
    const cycles =
      op.name === 'score'
        ? gemmCycles(tokens, width, seen, grid, wafer)
        : gemmCycles(tokens, seen, width, grid, wafer);
    return { op: nameOf(op), ...cycles };
  }
  if (op.kind === 'exchange') {
    if (op.name === 'block hand-over') {
      return handOverCycles(op, Math.ceil(op.width.extent / op.width.parts) * tokens, wafer);
    }
    // Half of the wavelets cross the middle of the region, on as many links as it has rows, there and back.
    const wavelets = (tokens * op.active * op.width.extent) / 2;
    const hops = wavelets * side;
    return {
      op: nameOf(op),
      computeCycles: 0,
      fabricCycles: wavelets / side + side,
      latencyCycles: 2 * c.opCycles.value,
      macs: 0,
      hops,
    };
  }
  const { active, stored } = op;
  // Each expert that any token takes is a product of its own, with its share of the tokens.
  const experts = op.part === 'experts' ? stored * (1 - (1 - active / stored) ** tokens) : 1;
  // Stacked weights share a decode product; in prefill each is a MeshGEMM of its own.
  const { stacked } = op;
  const share = (tokens * active) / experts;
  const mesh = gemmCycles(share, op.columns.extent, op.rows.extent / stacked, grid, wafer);
  const lines = op.reduce.axis === 'x' ? grid.height : grid.width;
  const stream = streamCycles(
    share,
    Math.ceil(op.rows.extent / stacked / op.rows.parts),
    Math.ceil(op.columns.extent / op.columns.parts),
    op.reduce,
    lines,
    wafer,
  );
  const each = streams && totalOf(stream) < totalOf(mesh) ? stream : mesh;
  const turns = stacked * (op.blocks === 1 ? experts : Math.max(1, experts / op.blocks));
  return {
    op: nameOf(op),
    computeCycles: each.computeCycles * turns,
    fabricCycles: each.fabricCycles * turns,
    latencyCycles: each.latencyCycles * turns,
    macs: each.macs * stacked * experts,
    hops: each.hops * stacked * experts,
  };
}

/** Prefill works on expanded keys and values also where decode works on latent vectors. */
function prefillWidth(a: Attention, name: 'score' | 'weighted sum'): number {
  if (a.kind === 'gqa') return a.numAttentionHeads * a.headDim;
  return a.numAttentionHeads * (name === 'score' ? a.qkNopeHeadDim + a.qkRopeHeadDim : a.vHeadDim);
}

function nameOf(op: WaferOp): string {
  return op.kind === 'matmul' && op.part === 'experts' ? `expert ${op.name}` : op.name;
}
