/**
 * The ops of a layer on a region of a wafer, after WaferLLM (He et al., OSDI 2025): placed as on any rectangle, but that
 * heads are cut along x, that attention may have a block of its own, and that experts may be dealt to blocks.
 */
import type { LayerKind, ModelCard } from '../../models/card.js';
import { factsOf, hasExperts } from '../../models/card.js';
import type { Op } from '../../models/op.js';
import { isProduct, type Product, partOf } from '../../models/products.js';
import { placeOps } from './place.js';
import type { PlacedOp } from './plan.js';

/** The PEs that work on an op together: a rectangle, most often a square. */
export interface Grid {
  readonly width: number;
  readonly height: number;
}

/** An op where it lies in a region: on `blocks` grids side by side, each with its own experts. */
export interface RegionOp {
  readonly op: PlacedOp;
  readonly grid: Grid;
  readonly blocks: number;
}

/**
 * Hidden vectors that move within a region: tokens' to the blocks of their experts, and the experts' results back and
 * summed; or from the block of attention to the whole region, or back.
 */
export interface WaferExchange {
  readonly exchange: 'expert exchange' | 'block hand-over';
  readonly grid: Grid;
  /** Elements of the vector, and the tiles in which it lies. */
  readonly elements: number;
  readonly parts: number;
  readonly active: number;
}

export type WaferOp = RegionOp | WaferExchange;

/** How a layer lies in its region. */
export interface LayerShape {
  readonly grid: Grid;
  /** PEs of attention, and beside experts of everything but them: all of the grid, or a block in its middle. */
  readonly attention: Grid;
  /** Blocks per side to which experts are dealt; 1: every expert lies on all of the grid. */
  readonly expertBlocks: number;
  /** As a placement's; the published kernels do not. */
  readonly fused: boolean;
}

/** The shape of the published kernels: everything on all of the grid, every sum a reduction of its own. */
export function plainShape(grid: Grid, expertBlocks = 1): LayerShape {
  return { grid, attention: grid, expertBlocks, fused: false };
}

/** A model's ops placed in regions of one shape: every kind of layer once. */
export interface PlacedLayers {
  /** In the order of the card's kinds. */
  readonly kinds: readonly (readonly WaferOp[])[];
  readonly head: readonly WaferOp[];
}

export function placeLayers(card: ModelCard, shape: LayerShape): PlacedLayers {
  const near = { ...shape, attention: shape.grid };
  return {
    kinds: card.kinds.map((kind) => placeLayer(card, kind, shape)),
    head: placed(card, card.after, near),
  };
}

function divided(grid: Grid, blocksPerSide: number): Grid {
  return { width: Math.floor(grid.width / blocksPerSide), height: Math.floor(grid.height / blocksPerSide) };
}

/** What lies in the block of attention: of a mixture of experts all else as well, of other models attention alone. */
export function inBlock(card: ModelCard, { part }: Pick<Product, 'part'>): boolean {
  return part === 'attention' || (part === 'mlp' && hasExperts(card));
}

/** The ops on the PEs where their parts of the layer lie. Weights are multiplied unpacked, so no block of a type holds a cut up. */
function placed(card: ModelCard, ops: readonly Op[], shape: LayerShape): RegionOp[] {
  const dealt = divided(shape.grid, shape.expertBlocks);
  const rectangleOf = (op: Op): Grid => {
    if (!isProduct(op)) return shape.attention;
    if (op.kind === 'expertLinear') return dealt;
    return inBlock(card, { part: partOf(op) }) ? shape.attention : shape.grid;
  };
  const style = { blockElements: () => 1, rectangleOf, heads: 'cut', fused: shape.fused } as const;
  return placeOps(ops, style).ops.map((op) => ({
    op,
    grid: rectangleOf(op),
    blocks: op.kind === 'expertLinear' ? shape.expertBlocks ** 2 : 1,
  }));
}

/** The ops of a layer on a grid of PEs, in the order in which a token meets them. */
export function placeLayer(card: ModelCard, kind: LayerKind, shape: LayerShape): WaferOp[] {
  const { grid, attention: small, expertBlocks } = shape;
  const ops = placed(card, kind.ops, shape);
  const { experts } = factsOf(kind.ops);
  const exchanges: WaferExchange[] =
    !experts || expertBlocks === 1
      ? []
      : [
          {
            exchange: 'expert exchange',
            grid,
            elements: card.hiddenSize,
            parts: divided(grid, expertBlocks).height,
            active: experts.top,
          },
        ];
  if (small === grid) return [...ops, ...exchanges];
  const far = ops.filter((op) => op.grid !== small);
  if (far.length === 0) return ops;
  const move: WaferExchange = {
    exchange: 'block hand-over',
    grid,
    elements: card.hiddenSize,
    parts: small.height,
    active: 1,
  };
  return [...ops.filter((op) => op.grid === small), move, ...far, ...exchanges, move];
}

/** Blocks per side into which a region may be divided so that each block has the same number of experts. */
export function expertBlockings(card: ModelCard): number[] {
  const experts = card.kinds.map(({ ops }) => factsOf(ops).experts).find((op) => op !== null);
  if (!experts) return [1];
  const count = experts.weights[0]!.shape[0]!;
  return [1, 2, 4, 8].filter((blocks) => count % blocks ** 2 === 0);
}
