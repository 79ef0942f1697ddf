/**
 * The ops of one layer of any card on a grid of PEs, after WaferLLM (He et al., OSDI 2025): the hidden vector is
 * cut along y and repeated along x, products alternate the axis they reduce along (y, then x), the KV cache has
 * its width along x and its positions along y. A decode layer of a plain Llama has exactly ten all-reduces.
 */
import {
  type Attention,
  attentionOf,
  headMatrix,
  type LayerKind,
  type Matrix,
  type ModelCard,
  mixingMatrices,
  mlpMatrices,
} from '../../models/card.js';
import type { StateMixer } from '../../models/card-mixers.js';
import type { Axis, Reduce, Split } from './plan.js';
import { reduceAlong } from './reduce.js';

/** The PEs that work on an op together: a rectangle, most often a square. */
export interface Grid {
  readonly width: number;
  readonly height: number;
}

/** A matrix product with weights, tiled on both axes; `active` of `stored` copies work on a token. */
export interface WaferMatmul {
  readonly kind: 'matmul';
  readonly name: Matrix['name'];
  readonly rows: Split;
  readonly columns: Split;
  readonly reduce: Reduce;
  readonly stored: number;
  readonly active: number;
  readonly part: Matrix['part'];
  readonly stacked: number;
  /** Sums of one element per token that share this product's reduction: a norm's sum of squares. */
  readonly riders: number;
  readonly grid: Grid;
  /** Grids of this size that work side by side in the region, each with its own experts. */
  readonly blocks: number;
}

/**
 * Tokens' hidden vectors to the blocks of their experts, and the experts' results back and summed; or from the block
 * of attention to the whole region, or back.
 */
export interface WaferExchange {
  readonly kind: 'exchange';
  readonly name: 'expert exchange' | 'block hand-over';
  readonly grid: Grid;
  readonly width: Split;
  readonly active: number;
  readonly reduce: Reduce;
}

/** One number per token is summed (or its maximum taken) and given back: norms, softmax. */
export interface WaferScalar {
  readonly kind: 'scalar';
  readonly name: 'norm' | 'softmax max' | 'softmax sum';
  readonly grid: Grid;
  readonly reduce: Reduce;
}

/** Scores against the cache, or the weighted sum of its values: `width` elements per position. */
export interface WaferAttention {
  readonly kind: 'attention';
  readonly name: 'score' | 'weighted sum';
  /** The softmax's maximum and sum, where partial results carry their own and are merged with them. */
  readonly riders: number;
  readonly grid: Grid;
  readonly width: Split;
  readonly reduce: Reduce;
}

/** Tokens taken into a state of fixed size, which lies with the heads' columns: nothing is summed across PEs. */
export interface WaferState {
  readonly kind: 'state';
  readonly name: 'state update';
  readonly grid: Grid;
  /** Multiply-adds per token. */
  readonly macs: number;
  readonly reduce: Reduce;
}

export type WaferOp = WaferMatmul | WaferScalar | WaferAttention | WaferExchange | WaferState;

/** PEs along an axis. */
function partsOf(axis: Axis, grid: Grid): number {
  return axis === 'x' ? grid.width : grid.height;
}

function along(axis: Axis, grid: Grid): Reduce {
  return reduceAlong(axis, partsOf(axis, grid));
}

function cut(axis: Axis, extent: number, grid: Grid): Split {
  return { axis, extent, unit: 1, parts: partsOf(axis, grid) };
}

function divided(grid: Grid, blocksPerSide: number): Grid {
  return { width: Math.floor(grid.width / blocksPerSide), height: Math.floor(grid.height / blocksPerSide) };
}

/** Products from the hidden vector reduce along y; products back to it reduce along x. */
function placeMatrix(matrix: Matrix, whole: Grid, blocksPerSide = 1, riders = 0): WaferMatmul {
  const expert = matrix.part === 'experts';
  const grid = expert ? divided(whole, blocksPerSide) : whole;
  const axis: Axis = matrix.split === 'columns' ? 'x' : 'y';
  return {
    kind: 'matmul',
    name: matrix.name,
    rows: cut(axis === 'y' ? 'x' : 'y', matrix.rows, grid),
    columns: cut(axis, matrix.columns, grid),
    reduce: along(axis, grid),
    grid,
    stored: matrix.stored,
    active: matrix.active,
    stacked: matrix.stacked,
    riders,
    part: matrix.part,
    blocks: expert ? blocksPerSide ** 2 : 1,
  };
}

/** How a layer lies in its region. */
export interface LayerShape {
  readonly grid: Grid;
  /** PEs of attention, and beside experts of everything but them: all of the grid, or a block in its middle. */
  readonly attention: Grid;
  /** Blocks per side to which experts are dealt; 1: every expert lies on all of the grid. */
  readonly expertBlocks: number;
  /**
   * Norms' sums of squares ride on the reduction of the product that follows (it is linear, so the scale can come
   * after it), the softmax is merged with the weighted sum, and a head's scores are summed over the head's own columns.
   */
  readonly fused: boolean;
}

/** The shape of the published kernels: everything on all of the grid, every sum a reduction of its own. */
export function plainShape(grid: Grid, expertBlocks = 1): LayerShape {
  return { grid, attention: grid, expertBlocks, fused: false };
}

/** The ops of a layer on a grid of PEs, in the order in which a token meets them. */
export function placeLayer(card: ModelCard, kind: LayerKind, shape: LayerShape): WaferOp[] {
  const { attention: grid, fused } = shape;
  const norm: WaferScalar = { kind: 'scalar', name: 'norm', grid, reduce: along('y', grid) };
  const projections = mixingMatrices(card, kind).map((matrix, at) =>
    placeMatrix(matrix, grid, 1, fused && at === 0 ? 1 : 0),
  );
  const norms = fused ? [] : [norm];
  return [
    ...norms,
    ...projections.slice(0, -1),
    ...(kind.mixer ? stateUpdate(kind.mixer, grid) : attention(attentionOf(card, kind), grid, fused)),
    ...projections.slice(-1),
    ...(card.normsPerLayer > 1 ? norms : []),
    ...mlp(card, kind, shape),
  ];
}

function stateUpdate(mixer: StateMixer, grid: Grid): WaferOp[] {
  if (mixer.kind === 'none') return [];
  return [{ kind: 'state', name: 'state update', grid, macs: mixer.flops / 2, reduce: reduceAlong('x', 1) }];
}

function attention(a: Attention, grid: Grid, fused: boolean): WaferOp[] {
  const heads = a.numAttentionHeads;
  // Decode of a latent cache scores and sums latent vectors, once per head.
  const width = heads * (a.kind === 'gqa' ? a.headDim : a.kvLoraRank + a.qkRopeHeadDim);
  const own = fused ? reduceAlong('x', Math.max(1, Math.ceil(grid.width / heads))) : along('x', grid);
  const softmax: WaferOp[] = fused
    ? []
    : [
        { kind: 'scalar', name: 'softmax max', grid, reduce: along('y', grid) },
        { kind: 'scalar', name: 'softmax sum', grid, reduce: along('y', grid) },
      ];
  const cutWidth = cut('x', width, grid);
  return [
    { kind: 'attention', name: 'score', riders: 0, grid, width: cutWidth, reduce: own },
    ...softmax,
    {
      kind: 'attention',
      name: 'weighted sum',
      riders: fused ? 2 : 0,
      grid,
      width: cutWidth,
      reduce: along('y', grid),
    },
  ];
}

/** What lies in the block of attention: of a mixture of experts all else as well, of other models attention alone. */
export function inBlock(card: ModelCard, matrix: Pick<Matrix, 'part'>): boolean {
  const mixes = card.kinds.some(({ mlp }) => mlp.kind === 'moe');
  return matrix.part === 'attention' || (mixes && matrix.part === 'mlp');
}

function mlp(card: ModelCard, kind: LayerKind, shape: LayerShape): WaferOp[] {
  const { grid, attention: small, expertBlocks, fused } = shape;
  const matrices = mlpMatrices(card, kind);
  const products = matrices.map((matrix, at) =>
    placeMatrix(matrix, inBlock(card, matrix) ? small : grid, expertBlocks, fused && at === 0 ? 1 : 0),
  );
  const exchanges: WaferOp[] =
    kind.mlp.kind === 'dense' || expertBlocks === 1
      ? []
      : [
          {
            kind: 'exchange',
            name: 'expert exchange',
            grid,
            width: cut('y', card.hiddenSize, divided(grid, expertBlocks)),
            active: kind.mlp.numExpertsPerTok,
            reduce: along('x', grid),
          },
        ];
  if (small === grid) return [...products, ...exchanges];
  const move: WaferExchange = {
    kind: 'exchange',
    name: 'block hand-over',
    grid,
    width: cut('y', card.hiddenSize, small),
    active: 1,
    reduce: reduceAlong('x', 1),
  };
  const near = products.filter((product) => product.grid === small);
  const far = products.filter((product) => product.grid !== small);
  return far.length === 0 ? near : [...near, move, ...far, ...exchanges, move];
}

/** Blocks per side into which a region may be divided so that each block has the same number of experts. */
export function expertBlockings(card: ModelCard): number[] {
  const moe = card.kinds.find((kind) => kind.mlp.kind === 'moe')?.mlp;
  if (moe?.kind !== 'moe') return [1];
  return [1, 2, 4, 8].filter((blocks) => moe.numExperts % blocks ** 2 === 0);
}

/** Final norm and output head. */
export function placeHead(card: ModelCard, grid: Grid, fused = false): WaferOp[] {
  const head = placeMatrix(headMatrix(card), grid, 1, fused ? 1 : 0);
  if (fused) return [head];
  return [{ kind: 'scalar', name: 'norm', grid, reduce: along('y', grid) }, head];
}
