/**
 * The ops of one layer of any card on a grid of PEs, after WaferLLM (He et al., OSDI 2025): the hidden vector is
 * cut along y and repeated along x, products alternate the axis they reduce along (y, then x), the KV cache has
 * its width along x and its positions along y. A decode layer of a plain Llama has exactly ten all-reduces.
 */
import {
  attentionMatrices,
  headMatrix,
  type LayerKind,
  type Matrix,
  type ModelCard,
  mlpMatrices,
} from '../../models/card.js';
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
  readonly grid: Grid;
  /** Grids of this size that work side by side in the region, each with its own experts. */
  readonly blocks: number;
}

/** Tokens' hidden vectors to the blocks of their experts, and the experts' results back and summed. */
export interface WaferExchange {
  readonly kind: 'exchange';
  readonly name: 'expert exchange';
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
  readonly grid: Grid;
  readonly width: Split;
  readonly reduce: Reduce;
}

export type WaferOp = WaferMatmul | WaferScalar | WaferAttention | WaferExchange;

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
function placeMatrix(matrix: Matrix, whole: Grid, blocksPerSide = 1): WaferMatmul {
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
    part: matrix.part,
    blocks: expert ? blocksPerSide ** 2 : 1,
  };
}

/**
 * The ops of a layer on a grid of PEs, in the order in which a token meets them. With more than
 * one block per side, experts are dealt to the blocks and those of a token work at the same time.
 */
export function placeLayer(card: ModelCard, kind: LayerKind, grid: Grid, blocksPerSide: number): WaferOp[] {
  const norm: WaferScalar = { kind: 'scalar', name: 'norm', grid, reduce: along('y', grid) };
  const projections = attentionMatrices(card);
  const output = projections.at(-1)!;
  const a = card.attention;
  // Decode of a latent cache scores and sums latent vectors, once per head.
  const width =
    a.kind === 'gqa'
      ? a.numAttentionHeads * a.headDim
      : a.numAttentionHeads * (a.kvLoraRank + a.qkRopeHeadDim);
  const attention: WaferOp[] = [
    { kind: 'attention', name: 'score', grid, width: cut('x', width, grid), reduce: along('x', grid) },
    { kind: 'scalar', name: 'softmax max', grid, reduce: along('y', grid) },
    { kind: 'scalar', name: 'softmax sum', grid, reduce: along('y', grid) },
    { kind: 'attention', name: 'weighted sum', grid, width: cut('x', width, grid), reduce: along('y', grid) },
  ];
  return [
    norm,
    ...projections.slice(0, -1).map((matrix) => placeMatrix(matrix, grid)),
    ...attention,
    placeMatrix(output, grid),
    ...(card.normsPerLayer > 1 ? [norm] : []),
    ...mlp(card, kind, grid, blocksPerSide),
  ];
}

function mlp(card: ModelCard, kind: LayerKind, grid: Grid, blocksPerSide: number): WaferOp[] {
  const products = mlpMatrices(card, kind.mlp).map((matrix) => placeMatrix(matrix, grid, blocksPerSide));
  if (kind.mlp.kind === 'dense' || blocksPerSide === 1) return products;
  const width = cut('y', card.hiddenSize, divided(grid, blocksPerSide));
  const active = kind.mlp.numExpertsPerTok;
  return [
    ...products,
    { kind: 'exchange', name: 'expert exchange', grid, width, active, reduce: along('x', grid) },
  ];
}

/** Blocks per side into which a region may be divided so that each block has the same number of experts. */
export function expertBlockings(card: ModelCard): number[] {
  const moe = card.kinds.find((kind) => kind.mlp.kind === 'moe')?.mlp;
  if (moe?.kind !== 'moe') return [1];
  return [1, 2, 4, 8].filter((blocks) => moe.numExperts % blocks ** 2 === 0);
}

/** Final norm and output head. */
export function placeHead(card: ModelCard, grid: Grid): WaferOp[] {
  return [
    { kind: 'scalar', name: 'norm', grid, reduce: along('y', grid) },
    placeMatrix(headMatrix(card), grid),
  ];
}
