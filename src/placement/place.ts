/**
 * Places a model on one rectangle of PEs. As in WaferLLM's decode (He et al., OSDI'25), the hidden vector is
 * cut along y and repeated along x; a sum runs along the axis its input is cut along and its output is cut along the
 * other (y, then x), so that nothing is ever transposed.
 */
import { expertRowsOf, rowsOf } from '../../models/graph.js';
import type { Model } from '../../models/model.js';
import type { Op, OpKind, OpOf, Value, WeightRef } from '../../models/op.js';
import { isProduct, readersOf } from '../../models/products.js';
import { OptionError } from '../core/errors.js';
import type { Axis, PlacedOf, PlacedOp, Plan, Reduce, Split } from './plan.js';
import { reduceAlong } from './reduce.js';

export interface RectangleSize {
  readonly width: number;
  readonly height: number;
}

/** Elements per quantisation block of a tensor's rows; sums may only be cut between blocks. */
export type BlockElements = (tensor: string) => number;

/** The largest side of a rectangle: that of the largest wafer in use. */
const maxSide = 1200;

/**
 * A model on a `width` x `height` rectangle.
 * @throws OptionError if a side is not a whole number from 1 to 1200
 */
export function placeOnRectangle(
  model: Model,
  { width, height }: RectangleSize,
  blockElements: BlockElements,
): Plan {
  for (const [side, size] of Object.entries({ width, height })) {
    if (Number.isInteger(size) && size >= 1 && size <= maxSide) continue;
    throw new OptionError({
      what: `rectangle ${side}`,
      given: `${size}`,
      expected: `a whole number from 1 to ${maxSide}`,
      todo: 'Give the rectangle in PEs, for example 8x8.',
    });
  }
  const { ops, cuts } = placeOps(model.ops, {
    blockElements,
    heads: 'whole',
    fused: false,
    rectangleOf: () => ({ width, height }),
  });
  return { model, rect: { x: 0, y: 0, width, height }, ops, cuts };
}

/** What may differ between plans of the same ops. */
export interface PlacementStyle {
  readonly blockElements: BlockElements;
  /** The PEs that an op lies on. */
  readonly rectangleOf: (op: Op) => RectangleSize;
  /** Heads lie whole along x, as those who execute a plan have them, or are cut there as their width asks. */
  readonly heads: 'whole' | 'cut';
  /**
   * Norms' sums of squares ride on the reduction of the product that follows (it is linear, so the scale can come
   * after it), the softmax is merged with the weighted sum, and a head's scores are summed over the head's own columns.
   */
  readonly fused: boolean;
}

/** Places ops; what they read from elsewhere is cut along y. */
export function placeOps(
  ops: readonly Op[],
  style: PlacementStyle,
): { readonly ops: readonly PlacedOp[]; readonly cuts: readonly Axis[] } {
  const placer = new Placer(ops, style);
  const placed = ops.map((op) => {
    placer.goTo(op);
    return (PLACE[op.kind] as (op: unknown, placer: Placer) => PlacedOp)(op, placer);
  });
  return { ops: placed, cuts: placer.cuts };
}

/** Features of a value that attention wants in one place: the heads of one KV head; from attention back to its products. */
function headUnits(ops: readonly Op[]): ReadonlyMap<number, number> {
  const units = new Map<number, number>();
  for (const op of [...ops].reverse()) {
    if (op.kind === 'attention') {
      units.set(op.q.id, (op.heads / op.kvHeads) * op.headDim);
      if (op.k) units.set(op.k.id, op.headDim);
      if (op.v) units.set(op.v.id, op.valueDim);
    }
    const unit = 'out' in op ? units.get(op.out.id) : undefined;
    if (unit !== undefined && (op.kind === 'rope' || op.kind === 'norm')) units.set(op.in.id, unit);
  }
  return units;
}

const across = (axis: Axis): Axis => (axis === 'x' ? 'y' : 'x');

class Placer {
  readonly cuts: Axis[] = [];
  readonly style: PlacementStyle;
  private parts: Readonly<Record<Axis, number>> = { x: 1, y: 1 };
  private readonly units: ReadonlyMap<number, number>;
  private readonly readers: ReadonlyMap<number, readonly Op[]>;
  /** By a value's number: sums that ride on the reduction of the first op that reads it. */
  private readonly riders = new Map<number, number>();

  constructor(ops: readonly Op[], style: PlacementStyle) {
    this.style = style;
    this.units = style.heads === 'whole' ? headUnits(ops) : new Map();
    this.readers = style.fused ? readersOf(ops) : new Map();
  }

  /** To the PEs that an op lies on. */
  goTo(op: Op): void {
    const { width, height } = this.style.rectangleOf(op);
    this.parts = { x: width, y: height };
  }

  /** Whether a norm's sums ride on what reads its result, where all that does is a sum as well. */
  rides({ out, per, how, bias }: OpOf<'norm'>): boolean {
    const readers = this.readers.get(out.id) ?? [];
    const isWhole = per === out.features;
    const isSum = (op: Op): boolean =>
      isWhole
        ? isProduct(op)
        : op.kind === 'attention' || (op.kind === 'rope' && (this.readers.get(op.out.id) ?? []).every(isSum));
    if (readers.length === 0 || bias || !readers.every(isSum)) return false;
    // Of a layer norm the mean as well.
    const sums = (how === 'layer' ? 2 : 1) + (this.riders.get(out.id) ?? 0);
    for (const { out: next } of isWhole ? [] : readers.filter((op) => op.kind === 'rope'))
      this.riders.set(next.id, sums);
    this.riders.set(out.id, sums);
    return true;
  }

  /** The sums that ride on what reads these values first. */
  ridersOf(...values: readonly (Value | null)[]): number {
    let riders = 0;
    for (const value of values) {
      riders += (value && this.riders.get(value.id)) ?? 0;
      if (value) this.riders.delete(value.id);
    }
    return riders;
  }

  cut(axis: Axis, ...outs: readonly Value[]): void {
    for (const { id } of outs) this.cuts[id] = axis;
  }

  axisOf({ id }: Value): Axis {
    return this.cuts[id] ?? 'y';
  }

  split(axis: Axis, extent: number, unit = 1): Split {
    return { axis, extent, unit, parts: this.parts[axis] };
  }

  reduce(axis: Axis): Reduce {
    return reduceAlong(axis, this.parts[axis]);
  }

  /** The PEs along an axis that one of so many heads lies on. */
  partsOfHead(axis: Axis, heads: number): number {
    return this.style.heads === 'whole' ? 1 : Math.max(1, Math.ceil(this.parts[axis] / heads));
  }

  /** How heads of `size` features lie: those that share a KV head together. */
  headCut(value: Value, size: number): Split {
    return this.split(
      'x',
      value.features,
      this.style.heads === 'cut' ? 1 : (this.units.get(value.id) ?? size),
    );
  }

  unit(weights: readonly WeightRef[]): number {
    return Math.max(...weights.map(({ name }) => this.style.blockElements(name)));
  }

  /** The usual op: its output is cut as its input is. */
  same<O extends { readonly in: Value; readonly out: Value }>(op: O): O {
    this.cut(this.axisOf(op.in), op.out);
    return op;
  }
}

/** How each kind is placed. */
const PLACE: { readonly [K in OpKind]: (op: OpOf<K>, placer: Placer) => PlacedOf<K> } = {
  embedding: (op, placer) => {
    placer.cut('y', op.out);
    const rows = placer.split('x', op.weight.shape[0]!);
    return { ...op, rows, columns: placer.split('y', op.out.features, placer.unit([op.weight])) };
  },
  norm: (op, placer) => {
    const axis = placer.axisOf(op.in);
    placer.cut(axis, op.out);
    const rides = placer.rides(op);
    if (op.per === op.in.features) {
      const reduce = rides ? reduceAlong(axis, 1) : placer.reduce(axis);
      return { ...op, columns: placer.split(axis, op.per), reduce, headCut: null };
    }
    const parts = placer.partsOfHead(axis, op.in.features / op.per);
    return {
      ...op,
      columns: { axis, extent: op.per, unit: parts === 1 ? op.per : 1, parts },
      reduce: reduceAlong(axis, rides ? 1 : parts),
      headCut: placer.headCut(op.out, op.per),
    };
  },
  linear: (op, placer) => {
    const axis = placer.axisOf(op.in);
    placer.cut(across(axis), ...op.outs);
    return {
      ...op,
      rows: op.weights.map((weight) => placer.split(across(axis), rowsOf(weight))),
      columns: placer.split(axis, op.in.features, placer.unit(op.weights)),
      reduce: placer.reduce(axis),
      riders: placer.ridersOf(op.in),
    };
  },
  headLinear: (op, placer) => {
    const axis = placer.axisOf(op.in);
    placer.cut(axis, op.out);
    const extent = op.weight.shape[2]!;
    const parts = placer.partsOfHead(axis, op.heads);
    return {
      ...op,
      rows: placer.style.heads === 'whole' ? null : placer.split(across(axis), op.weight.shape[1]!),
      columns: { axis, extent, unit: parts === 1 ? extent : 1, parts },
      reduce: reduceAlong(axis, parts),
    };
  },
  rope: (op, placer) => ({
    ...placer.same(op),
    headCut: placer.headCut(op.out, op.in.features / op.heads),
  }),
  attention: (op, placer) => {
    const { fused, heads } = placer.style;
    placer.cut('x', op.out);
    return {
      ...op,
      kvCut: placer.split('x', op.kvHeads),
      queries: placer.headCut(op.q, op.headDim),
      scores:
        fused || heads === 'whole' ? reduceAlong('x', placer.partsOfHead('x', op.heads)) : placer.reduce('x'),
      scoreRiders: placer.ridersOf(op.q, op.k),
      softmax: fused ? 0 : heads === 'whole' ? 1 : 2,
      reduce: placer.reduce('y'),
    };
  },
  activation: (op, placer) => placer.same(op),
  add: (op, placer) => {
    placer.cut(placer.axisOf(op.to), op.out);
    return op;
  },
  scale: (op, placer) => placer.same(op),
  arrange: (op, placer) => {
    placer.cut(placer.axisOf(op.parts[0]!.in), op.out);
    return op;
  },
  route: (op, placer) => placer.same(op),
  expertLinear: (op, placer) => {
    const axis = placer.axisOf(op.in);
    placer.cut(across(axis), ...op.outs);
    return {
      ...op,
      rows: op.weights.map((weight) => placer.split(across(axis), expertRowsOf(weight))),
      columns: placer.split(axis, op.weights[0]!.shape[2]!, placer.unit(op.weights)),
      reduce: placer.reduce(axis),
      riders: placer.ridersOf(op.in),
    };
  },
  mix: (op, placer) => placer.same(op),
  conv: (op, placer) => placer.same(op),
  shift: (op, placer) => placer.same(op),
  scan: (op, placer) => {
    placer.cut(placer.axisOf(op.x), op.out);
    return op;
  },
  linearAttention: (op, placer) => {
    placer.cut(placer.axisOf(op.v), op.out);
    return op;
  },
  wkv: (op, placer) => {
    placer.cut(placer.axisOf(op.v), op.out);
    return op;
  },
  weighStreams: (op, placer) => placer.same(op),
  writeStreams: (op, placer) => placer.same(op),
  select: (op, placer) => {
    placer.cut(placer.axisOf(op.q), op.out);
    return op;
  },
  pool: (op, placer) => placer.same(op),
  logits: (op) => op,
};
