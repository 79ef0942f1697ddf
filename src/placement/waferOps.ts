/**
 * The ops of one layer of any card on a square of PEs, after WaferLLM (He et al., OSDI 2025): the hidden vector is
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

/** A matrix product with weights, tiled on both axes; `active` of `stored` copies work on a token. */
export interface WaferMatmul {
  readonly kind: 'matmul';
  readonly name: Matrix['name'];
  readonly rows: Split;
  readonly columns: Split;
  readonly reduce: Reduce;
  readonly stored: number;
  readonly active: number;
  readonly expert: boolean;
  /** Squares of this op's size that work side by side in the region, each with its own experts. */
  readonly blocks: number;
}

/** Tokens' hidden vectors to the blocks of their experts, and the experts' results back and summed. */
export interface WaferExchange {
  readonly kind: 'exchange';
  readonly name: 'expert exchange';
  readonly width: Split;
  readonly active: number;
  readonly reduce: Reduce;
}

/** One number per token is summed (or its maximum taken) and given back: norms, softmax. */
export interface WaferScalar {
  readonly kind: 'scalar';
  readonly name: 'norm' | 'softmax max' | 'softmax sum';
  readonly reduce: Reduce;
}

/** Scores against the cache, or the weighted sum of its values: `width` elements per position. */
export interface WaferAttention {
  readonly kind: 'attention';
  readonly name: 'score' | 'weighted sum';
  readonly width: Split;
  readonly reduce: Reduce;
}

export type WaferOp = WaferMatmul | WaferScalar | WaferAttention | WaferExchange;

/** Group sizes of the K-tree (K = 2) in the published kernels; others take about the square root. */
const PUBLISHED_GROUPS: Readonly<Record<number, number>> = {
  360: 18,
  420: 20,
  480: 20,
  540: 20,
  600: 24,
  660: 22,
  720: 24,
};

export function ktreeGroupOf(parts: number): number {
  return PUBLISHED_GROUPS[parts] ?? Math.max(1, Math.round(Math.sqrt(parts)));
}

function along(axis: Axis, side: number): Reduce {
  return { algorithm: 'ktree', axis, parts: side, groupSize: ktreeGroupOf(side) };
}

function cut(axis: Axis, extent: number, side: number): Split {
  return { axis, extent, unit: 1, parts: side };
}

/** Products from the hidden vector reduce along y; products back to it reduce along x. */
export function placeMatrix(matrix: Matrix, whole: number, blocksPerSide = 1): WaferMatmul {
  const expert = matrix.part === 'experts';
  const side = expert ? Math.floor(whole / blocksPerSide) : whole;
  const axis: Axis = matrix.split === 'columns' ? 'x' : 'y';
  return {
    kind: 'matmul',
    name: matrix.name,
    rows: cut(axis === 'y' ? 'x' : 'y', matrix.rows, side),
    columns: cut(axis, matrix.columns, side),
    reduce: along(axis, side),
    stored: matrix.stored,
    active: matrix.active,
    expert,
    blocks: expert ? blocksPerSide ** 2 : 1,
  };
}

/**
 * The ops of a layer on a square of `side` x `side` PEs, in the order in which a token meets them. With more than
 * one block per side, experts are dealt to the blocks and those of a token work at the same time.
 */
export function placeLayer(card: ModelCard, kind: LayerKind, side: number, blocksPerSide: number): WaferOp[] {
  const norm: WaferScalar = { kind: 'scalar', name: 'norm', reduce: along('y', side) };
  const projections = attentionMatrices(card);
  const output = projections.at(-1)!;
  const a = card.attention;
  // Decode of a latent cache scores and sums latent vectors, once per head.
  const width =
    a.kind === 'gqa'
      ? a.numAttentionHeads * a.headDim
      : a.numAttentionHeads * (a.kvLoraRank + a.qkRopeHeadDim);
  const attention: WaferOp[] = [
    { kind: 'attention', name: 'score', width: cut('x', width, side), reduce: along('x', side) },
    { kind: 'scalar', name: 'softmax max', reduce: along('y', side) },
    { kind: 'scalar', name: 'softmax sum', reduce: along('y', side) },
    { kind: 'attention', name: 'weighted sum', width: cut('x', width, side), reduce: along('y', side) },
  ];
  return [
    norm,
    ...projections.slice(0, -1).map((matrix) => placeMatrix(matrix, side)),
    ...attention,
    placeMatrix(output, side),
    ...(card.normsPerLayer > 1 ? [norm] : []),
    ...mlp(card, kind, side, blocksPerSide),
  ];
}

function mlp(card: ModelCard, kind: LayerKind, side: number, blocksPerSide: number): WaferOp[] {
  const products = mlpMatrices(card, kind.mlp).map((matrix) => placeMatrix(matrix, side, blocksPerSide));
  if (kind.mlp.kind === 'dense' || blocksPerSide === 1) return products;
  const block = Math.floor(side / blocksPerSide);
  const width = cut('y', card.hiddenSize, block);
  const active = kind.mlp.numExpertsPerTok;
  return [
    ...products,
    { kind: 'exchange', name: 'expert exchange', width, active, reduce: along('x', side) },
  ];
}

/** Blocks per side into which a region may be divided so that each block has the same number of experts. */
export function expertBlockings(card: ModelCard): number[] {
  const moe = card.kinds.find((kind) => kind.mlp.kind === 'moe')?.mlp;
  if (moe?.kind !== 'moe') return [1];
  return [1, 2, 4, 8].filter((blocks) => moe.numExperts % blocks ** 2 === 0);
}

/** Final norm and output head. */
export function placeHead(card: ModelCard, side: number): WaferOp[] {
  return [{ kind: 'scalar', name: 'norm', reduce: along('y', side) }, placeMatrix(headMatrix(card), side)];
}
