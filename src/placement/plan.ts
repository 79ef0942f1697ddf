/**
 * The plan: a model placed on a machine, as pure data. It says which rectangle of PEs computes each op, how
 * every tensor is cut into the tiles that PEs hold, and in which order partial sums meet. The fabric executes
 * it cycle by cycle, timing costs it, the runtime runs it on host cores, the page draws it. All of them get the
 * same bits, because the order of every sum is written here and nowhere else (see `foldPairs` in reduce.ts).
 */
import type { Model } from '../../models/model.js';
import type { OpKind, OpOf } from '../../models/op.js';

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

/** Output rows are cut along one axis, input columns along the other; partial results are reduced there. */
interface PlacedProduct {
  /** One per weight, in the order of `weights`. */
  readonly rows: readonly Split[];
  readonly columns: Split;
  readonly reduce: Reduce;
  /** Sums of one element per token that share this product's reduction: what a norm of its input needs. */
  readonly riders: number;
}

/** What placement adds to an op of a kind; kinds that are not named stay as they are. */
interface Placements {
  /** The table is cut as a product's matrix is: vocabulary along x, columns along y. */
  readonly embedding: { readonly rows: Split; readonly columns: Split };
  /**
   * The sum of squares is reduced as a product's columns are, or rides on the reduction of the op that reads the result; of
   * a run within a whole head there is nothing to reduce, and heads lie as attention wants them.
   */
  readonly norm: { readonly columns: Split; readonly reduce: Reduce; readonly headCut: Split | null };
  readonly rope: { readonly headCut: Split };
  readonly linear: PlacedProduct;
  /** `rows` null: every head's matrix lies whole with its head. */
  readonly headLinear: { readonly rows: Split | null; readonly columns: Split; readonly reduce: Reduce };
  readonly expertLinear: PlacedProduct;
  /**
   * KV heads are cut along one axis; along the other, position p of the KV cache lies on tile `p mod reduce.parts`,
   * so a new token goes to the tile that has waited longest and nothing moves. `queries` is how the width of all heads lies
   * along that one axis; where it cuts heads, scores are summed there by `scores`.
   */
  readonly attention: {
    readonly kvCut: Split;
    readonly queries: Split;
    readonly scores: Reduce;
    /** Sums of one element per token that share the scores' reduction: norms of heads. */
    readonly scoreRiders: number;
    /** Of the softmax's maximum and sum, those that are reductions of their own; the rest rides on the weighted sum's. */
    readonly softmax: 0 | 1 | 2;
    readonly reduce: Reduce;
  };
}

export type PlacedOf<K extends OpKind> = OpOf<K> & (K extends keyof Placements ? Placements[K] : unknown);
export type PlacedOp = { [K in OpKind]: PlacedOf<K> }[OpKind];

/** A reader's table over placed ops: one handler for every kind. */
export type PlacedHandlers<Context, Result = void> = {
  readonly [K in OpKind]: (op: PlacedOf<K>, context: Context) => Result;
};

/** Calls the handler of the op's kind. */
export function handlePlaced<Context, Result>(
  handlers: PlacedHandlers<Context, Result>,
  op: PlacedOp,
  context: Context,
): Result {
  return (handlers[op.kind] as (op: PlacedOp, context: Context) => Result)(op, context);
}

/** A run of layers on one rectangle; activations stream from region to region in this order. */
export interface Region {
  readonly rect: Rect;
  readonly ops: readonly PlacedOp[];
}

/** A model on one rectangle, where prompts are processed and tokens generated alike. */
export interface Plan extends Region {
  readonly model: Model;
  /** By a value's number: the axis along which it is cut. */
  readonly cuts: readonly Axis[];
}
