/**
 * Cycles of one op on a grid of PEs, in closed form: arithmetic at the sustained rate, wavelets over hops and
 * through the stages of a K-tree, fixed costs of tasks. A K-tree all-reduce stores and forwards: each stage adds
 * what arrived before it passes it on, then the centre floods the sum back (He et al., WaferLLM, OSDI 2025).
 */
import { attentionSpan, headWidths, type LayerKind, stateOf } from '../../../models/card.js';
import type { Op } from '../../../models/op.js';
import { isProduct, type ProductOp, productOf } from '../../../models/products.js';
import type { WaferNumbers } from '../../machine/wafers.js';
import {
  type Axis,
  handlePlaced,
  type PlacedHandlers,
  type PlacedOf,
  type Reduce,
} from '../../placement/plan.js';
import { reduceAlong } from '../../placement/reduce.js';
import type { Grid, RegionOp, WaferExchange, WaferOp } from '../../placement/wafer-ops.js';
import { WAFER_CONSTANTS } from './constants.js';

/** Cycles by what the PEs wait for; they add up, as an op's parts follow one another. */
export interface OpCycles {
  readonly op: string;
  /** Along which partial sums meet; null: none do. */
  readonly axis: Axis | null;
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

/** What a step asks of an op: `batch` tokens at once, each with `context` tokens before it, in a layer of a kind. */
export interface DecodeStep {
  readonly kind: LayerKind | null;
  readonly context: number;
  readonly batch: number;
  readonly wafer: WaferNumbers;
}

interface On extends DecodeStep {
  readonly grid: Grid;
  readonly blocks: number;
}

/** One decode op for a batch, as the reductions that it ends in. */
export function decodeOpCycles(op: WaferOp, step: DecodeStep): OpCycles[] {
  if (!('exchange' in op)) return handlePlaced(DECODE, op.op, { ...step, grid: op.grid, blocks: op.blocks });
  const elements = Math.ceil(op.elements / op.parts) * step.batch;
  if (op.exchange === 'block hand-over') return [handOverCycles(op, elements, step.wafer)];
  return [
    reduction(
      op.exchange,
      reduceAlong('x', op.grid.width),
      { elements, macs: 0 },
      { ...step, grid: op.grid, blocks: 1 },
    ),
  ];
}

/** Arithmetic on every PE, and an all-reduce of what each then has. */
function reduction(
  name: string,
  reduce: Reduce,
  { elements, macs, grids = 1 }: { elements: number; macs: number; grids?: number },
  { grid, wafer }: On,
): OpCycles {
  const lines = reduce.axis === 'x' ? grid.height : grid.width;
  const { fabric, latency } = allReduceCycles(reduce, elements, wafer);
  return {
    op: name,
    axis: reduce.axis,
    computeCycles: macs * wafer.cyclesPerMacF16,
    fabricCycles: fabric,
    latencyCycles: latency + c.opCycles.value,
    macs: macs * grid.width * grid.height * grids,
    // Every line of the grid reduces and floods: each of its links carries the tile once each way.
    hops: waveletsOf(elements) * 2 * (reduce.parts - 1) * lines * grids,
  };
}

/** Elements of the fullest tile. */
const tile = ({ extent, parts }: { readonly extent: number; readonly parts: number }): number =>
  Math.ceil(extent / parts);

function product(op: PlacedOf<'linear' | 'expertLinear'>, on: On): OpCycles[] {
  const { batch, blocks } = on;
  const active = op.kind === 'expertLinear' ? op.top : 1;
  // With blocks, the products of a batch's experts spread over them; the fullest block sets the time.
  const turns = blocks === 1 ? active * batch : Math.max(1, (active * batch) / blocks);
  const rows = op.rows.reduce((sum, { extent, parts }) => sum + Math.ceil((extent * turns) / parts), 0);
  const grids = blocks === 1 ? 1 : Math.min(blocks, active * batch);
  const work = { elements: rows + op.riders * batch, macs: rows * tile(op.columns), grids };
  return [reduction(nameOf(op), op.reduce, work, on)];
}

/** A reduction that is none where what is summed rides on another's or lies on one PE. */
function unlessAlone(name: string, reduce: Reduce, on: On): OpCycles[] {
  return reduce.parts < 2 ? [] : [reduction(name, reduce, { elements: on.batch, macs: 0 }, on)];
}

function state(op: Op, { batch, grid, wafer }: On): OpCycles[] {
  const flops = stateOf(op).reduce((sum, each) => sum + each.flops, 0);
  const macs = ((flops / 2) * batch) / (grid.width * grid.height);
  return [
    {
      op: 'state update',
      axis: null,
      computeCycles: macs * wafer.cyclesPerMacF16,
      fabricCycles: 0,
      latencyCycles: c.opCycles.value,
      macs: macs * grid.width * grid.height,
      hops: 0,
    },
  ];
}

/** A few operations per element that a PE holds, beside products of many: taken to cost nothing. */
const nothing = (): OpCycles[] => [];

const DECODE: PlacedHandlers<On, OpCycles[]> = {
  embedding: nothing,
  norm: (op, on) => unlessAlone('norm', op.reduce, on),
  linear: product,
  headLinear: (op, on) => {
    const rows = op.rows ? tile(op.rows) : op.weight.shape[1]!;
    const work = { elements: rows * on.batch, macs: rows * tile(op.columns) * on.batch };
    return [reduction(nameOf(op), op.reduce, work, on)];
  },
  rope: nothing,
  attention: (op, on) => {
    const { batch, context, kind } = on;
    const seen = kind ? Math.min(context, attentionSpan(kind)) : context;
    const positions = Math.ceil(seen / op.reduce.parts);
    const [keys, values] = [op.headDim, op.valueDim].map((each) =>
      Math.ceil((op.heads * each) / op.queries.parts),
    );
    const own = ['softmax max', 'softmax sum'].slice(0, op.softmax);
    const scored = { elements: (positions + op.scoreRiders) * batch, macs: positions * keys! * batch };
    const riders = 2 - op.softmax;
    const summed = { elements: (values! + riders) * batch, macs: positions * values! * batch };
    return [
      reduction('score', op.scores, scored, on),
      ...own.flatMap((name) => unlessAlone(name, op.reduce, on)),
      reduction('weighted sum', op.reduce, summed, on),
    ];
  },
  activation: nothing,
  add: nothing,
  scale: nothing,
  arrange: nothing,
  route: nothing,
  expertLinear: product,
  mix: nothing,
  conv: state,
  shift: nothing,
  scan: state,
  linearAttention: state,
  wkv: state,
  weighStreams: nothing,
  writeStreams: nothing,
  // Scores of a few narrow heads, in the shadow of attention's own.
  select: nothing,
  pool: nothing,
  logits: nothing,
};

/** A hidden vector from a block amid the region to all of it, or back: it crosses the block's edge and floods, unadded. */
function handOverCycles(op: WaferExchange, elements: number, wafer: WaferNumbers): OpCycles {
  const distance = (op.grid.width + op.grid.height) / 2;
  const wavelets = waveletsOf(elements);
  return {
    op: op.exchange,
    axis: null,
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
): Omit<OpCycles, 'op' | 'axis'> {
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

const totalOf = ({ computeCycles, fabricCycles, latencyCycles }: Omit<OpCycles, 'op' | 'axis'>): number =>
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
): Omit<OpCycles, 'op' | 'axis'> {
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

/** What a chunk of a prompt asks of an op: `tokens` tokens that attend to `context` tokens each. */
export interface PrefillStep {
  readonly kind: LayerKind | null;
  readonly tokens: number;
  readonly context: number;
  readonly wafer: WaferNumbers;
  /** A product may let tokens stream instead of being a MeshGEMM, whichever is sooner done. */
  readonly streams: boolean;
}

/** One prefill op; norms are lost in the products. */
export function prefillOpCycles(region: WaferOp, step: PrefillStep): OpCycles[] {
  const { tokens, wafer } = step;
  if ('exchange' in region) return [exchangeCycles(region, tokens, wafer)];
  const { op } = region;
  if (isProduct(op)) return [prefillProduct(op as PlacedOf<ProductOp['kind']>, region, step)];
  if (op.kind === 'attention') return prefillAttention(op as PlacedOf<'attention'>, region.grid, step);
  return stateOf(op).map(({ flops }) => {
    const macs = (flops / 2) * tokens;
    return {
      op: 'state update',
      axis: null,
      computeCycles: (macs / (region.grid.width * region.grid.height)) * wafer.cyclesPerMacF16,
      fabricCycles: 0,
      latencyCycles: c.opCycles.value + tokens * c.stageTaskCycles.value,
      macs,
      hops: 0,
    };
  });
}

function prefillAttention(
  op: PlacedOf<'attention'>,
  grid: Grid,
  { kind, tokens, context, wafer, streams }: PrefillStep,
): OpCycles[] {
  const seen = kind ? Math.min(context, attentionSpan(kind)) : context;
  // Prefill works on expanded keys and values also where decode works on latent vectors.
  const widths = kind ? headWidths(kind, 'prefill') : { key: op.headDim, value: op.valueDim };
  const one = (name: string, reduce: Reduce, width: number, isScore: boolean): OpCycles => {
    const own = { op: name, axis: reduce.axis };
    if (!streams) {
      const [k, n] = isScore ? [width, seen] : [seen, width];
      return { ...own, ...gemmCycles(tokens, k, n, grid, wafer) };
    }
    const positions = Math.ceil(seen / grid.height);
    const held = Math.ceil(width / grid.width);
    const [rows, columns] = isScore ? [positions, held] : [held, positions];
    const lines = reduce.axis === 'x' ? grid.height : grid.width;
    return { ...own, ...streamCycles(tokens, rows, columns, reduce, lines, wafer) };
  };
  return [
    one('score', op.scores, op.heads * widths.key, true),
    one('weighted sum', op.reduce, op.heads * widths.value, false),
  ];
}

function exchangeCycles(op: WaferExchange, tokens: number, wafer: WaferNumbers): OpCycles {
  if (op.exchange === 'block hand-over')
    return handOverCycles(op, Math.ceil(op.elements / op.parts) * tokens, wafer);
  const side = Math.max(op.grid.width, op.grid.height);
  // Half of the wavelets cross the middle of the region, on as many links as it has rows, there and back.
  const wavelets = (tokens * op.active * op.elements) / 2;
  return {
    op: op.exchange,
    axis: null,
    computeCycles: 0,
    fabricCycles: wavelets / side + side,
    latencyCycles: 2 * c.opCycles.value,
    macs: 0,
    hops: wavelets * side,
  };
}

function prefillProduct(
  op: PlacedOf<ProductOp['kind']>,
  { grid, blocks }: RegionOp,
  { tokens, wafer, streams }: PrefillStep,
): OpCycles {
  const { active, stored, stacked, ...size } = productOf(op);
  // A latent row is expanded once for all heads, whichever way round their matrices lie.
  const columns = op.kind === 'headLinear' ? Math.max(size.columns, size.rows / op.heads) : size.columns;
  const rows = (size.rows * size.columns) / columns;
  // Each expert that any token takes is a product of its own, with its share of the tokens.
  const experts = op.kind === 'expertLinear' ? stored * (1 - (1 - active / stored) ** tokens) : 1;
  // Stacked weights share a decode product; in prefill each is a MeshGEMM of its own.
  const share = (tokens * active) / experts;
  const across = op.reduce.axis === 'x' ? grid.height : grid.width;
  const mesh = gemmCycles(share, columns, rows / stacked, grid, wafer);
  const along = op.reduce.axis === 'x' ? grid.width : grid.height;
  const stream = streamCycles(
    share,
    Math.ceil(rows / stacked / across),
    Math.ceil(columns / along),
    op.reduce,
    across,
    wafer,
  );
  const each = streams && totalOf(stream) < totalOf(mesh) ? stream : mesh;
  const turns = stacked * (blocks === 1 ? experts : Math.max(1, experts / blocks));
  return {
    op: nameOf(op),
    axis: op.reduce.axis,
    computeCycles: each.computeCycles * turns,
    fabricCycles: each.fabricCycles * turns,
    latencyCycles: each.latencyCycles * turns,
    macs: each.macs * stacked * experts,
    hops: each.hops * stacked * experts,
  };
}

function nameOf(op: ProductOp): string {
  const { name, part } = productOf(op);
  return part === 'experts' ? `expert ${name}` : name;
}
