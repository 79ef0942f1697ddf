/**
 * Places a model on one rectangle of PEs. As in WaferLLM's decode (He et al., OSDI'25), the hidden vector is
 * cut along y and repeated along x; a sum runs along the axis its input is cut along and its output is cut along the
 * other (y, then x), so that nothing is ever transposed.
 */
import { expertRowsOf, rowsOf } from '../../models/graph.js';
import type { Model } from '../../models/model.js';
import type { Op, OpKind, OpOf, Value, WeightRef } from '../../models/op.js';
import { OptionError } from '../core/errors.js';
import type { Axis, PlacedOf, PlacedOp, Plan, Split } from './plan.js';
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
  const placer = new Placer({ x: width, y: height }, blockElements, headUnits(model.ops));
  const ops = model.ops.map((op) =>
    (PLACE[op.kind] as (op: unknown, placer: Placer) => PlacedOp)(op, placer),
  );
  return { model, rect: { x: 0, y: 0, width, height }, ops, cuts: placer.cuts };
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
  private readonly parts: Readonly<Record<Axis, number>>;
  private readonly blockElements: BlockElements;
  private readonly units: ReadonlyMap<number, number>;

  constructor(
    parts: Readonly<Record<Axis, number>>,
    blockElements: BlockElements,
    units: ReadonlyMap<number, number>,
  ) {
    this.parts = parts;
    this.blockElements = blockElements;
    this.units = units;
  }

  cut(axis: Axis, ...outs: readonly Value[]): void {
    for (const { id } of outs) this.cuts[id] = axis;
  }

  axisOf({ id }: Value): Axis {
    return this.cuts[id]!;
  }

  split(axis: Axis, extent: number, unit = 1): Split {
    return { axis, extent, unit, parts: this.parts[axis] };
  }

  reduce(axis: Axis) {
    return reduceAlong(axis, this.parts[axis]);
  }

  /** How heads of `size` features lie: those that share a KV head together. */
  headCut(value: Value, size: number): Split {
    return this.split('x', value.features, this.units.get(value.id) ?? size);
  }

  unit(weights: readonly WeightRef[]): number {
    return Math.max(...weights.map(({ name }) => this.blockElements(name)));
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
    const isWhole = op.per === op.in.features;
    return {
      ...op,
      columns: isWhole ? placer.split(axis, op.per) : { axis, extent: op.per, unit: op.per, parts: 1 },
      reduce: isWhole ? placer.reduce(axis) : reduceAlong(axis, 1),
      headCut: isWhole ? null : placer.headCut(op.out, op.per),
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
    };
  },
  headLinear: (op, placer) => {
    placer.cut(placer.axisOf(op.in), op.out);
    const extent = op.weight.shape[2]!;
    return {
      ...op,
      columns: { axis: placer.axisOf(op.in), extent, unit: extent, parts: 1 },
      reduce: reduceAlong(placer.axisOf(op.in), 1),
    };
  },
  rope: (op, placer) => ({
    ...placer.same(op),
    headCut: placer.headCut(op.out, op.in.features / op.heads),
  }),
  attention: (op, placer) => {
    placer.cut('x', op.out);
    return { ...op, kvCut: placer.split('x', op.kvHeads), reduce: placer.reduce('y') };
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
