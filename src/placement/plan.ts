/**
 * The plan: a model placed on a machine, as pure data. It says which rectangle of PEs computes each op, how
 * every tensor is cut into the tiles that PEs hold, and in which order partial sums meet. The fabric executes
 * it cycle by cycle, timing costs it, the runtime runs it on host cores, the page draws it. All of them get the
 * same bits, because the order of every sum is written here and nowhere else (see `foldPairs` in reduce.ts).
 */
import type { AttentionOp, EmbeddingOp, LlamaConfig, MatmulOp, NormOp } from '../../models/llama.js';

/** `x` counts columns from west to east, `y` counts rows from north to south. */
export type Axis = 'x' | 'y';

/** A rectangle of PEs; `x`, `y` is its north-west corner on the fabric. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * How one tensor dimension of `extent` elements is cut into `parts` tiles along an axis of the rectangle.
 * Tiles are whole multiples of `unit` elements (a quantisation block, a head), except where the extent ends.
 */
export interface Split {
  readonly axis: Axis;
  readonly extent: number;
  readonly unit: number;
  readonly parts: number;
}

/** The first element of tile `t` of a split; tile `t` holds `[tileStart(s, t), tileStart(s, t + 1))`. */
export function tileStart(split: Split, t: number): number {
  const units = Math.ceil(split.extent / split.unit);
  return Math.min(split.extent, Math.floor((t * units) / split.parts) * split.unit);
}

/** How `parts` partial sums along an axis become one. `groups` is the group size of `ktree`. */
export interface Reduce {
  readonly algorithm: 'chain' | 'ktree';
  readonly axis: Axis;
  readonly parts: number;
  readonly groupSize: number;
}

/** y = W h. Output rows are cut along one axis, input columns along the other, partial y is reduced there. */
export interface PlacedMatmul extends MatmulOp {
  /** One per weight, in the order of `weights`. */
  readonly rows: readonly Split[];
  readonly columns: Split;
  readonly reduce: Reduce;
}

/** The sum of squares is reduced as a matmul's columns are. */
export interface PlacedNorm extends NormOp {
  readonly columns: Split;
  readonly reduce: Reduce;
}

/**
 * KV heads are cut along one axis; along the other, position p of the KV cache lies on tile `p mod reduce.parts`,
 * so a new token goes to the tile that has waited longest and nothing moves.
 */
export interface PlacedAttention extends AttentionOp {
  readonly kvHeads: Split;
  readonly reduce: Reduce;
}

export interface PlacedEmbedding extends EmbeddingOp {
  readonly columns: Split;
}

export type PlacedOp = PlacedEmbedding | PlacedNorm | PlacedMatmul | PlacedAttention;

/** A run of layers on one rectangle of one wafer; activations stream from region to region in this order. */
export interface Region {
  readonly wafer: number;
  readonly rect: Rect;
  /** Layers `[firstLayer, lastLayer]`; the embedding and the head belong to the first and last region. */
  readonly firstLayer: number;
  readonly lastLayer: number;
  readonly ops: readonly PlacedOp[];
}

export interface Plan {
  readonly config: LlamaConfig;
  /** Name of the machine the plan is for, e.g. `desk` or `wse-3`. */
  readonly machine: string;
  /** Where a prompt is processed, many tokens at a time. */
  readonly prefill: readonly Region[];
  /** Where tokens are generated, one at a time. */
  readonly decode: readonly Region[];
}
