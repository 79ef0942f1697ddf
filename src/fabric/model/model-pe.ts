/** One PE's share of a model: its part of every value, its tiles of every weight, and its steps, one per op of the plan. */
import type { Value, WeightRef } from '../../../models/op.js';
import { refKey } from '../../../models/weights.js';
import type { Axis, PlacedOp, Plan, Reduce, Split } from '../../placement/plan.js';
import { reduceAlong } from '../../placement/reduce.js';
import { elementWork } from '../local/work.js';
import type { Buffer, Pe, Pending } from '../pe.js';
import { type Cut, cutOf, Handover, type Lines, type StepInput } from './lines.js';
import { type Place, partOf, Slots } from './slots.js';
import type { ModelSource } from './source.js';
import { lengthOf, type Span, WeightTile } from './tile.js';

export type Flow = Generator<Pending, void, void>;

/** What a PE does for one op. */
export type Step = (input: StepInput) => Flow;

/** Weights that are copied into the PE once it is laid out. */
type Load = () => void;

export class ModelPe {
  readonly pe: Pe;
  readonly plan: Plan;
  readonly lines: Lines;
  readonly source: ModelSource;
  readonly context: number;
  readonly slots: Slots;
  /** Buffers of one use after the other, by what they are for. */
  private readonly scratch = new Map<string, { length: number; buffer: Buffer | null }>();
  private readonly tiles = new Map<string, WeightTile>();
  private readonly steps: Step[] = [];
  private readonly loads: Load[] = [];
  private logits: Place | null = null;

  /** `layOut` lays out this PE's part of an op and returns its step. */
  constructor(
    pe: Pe,
    plan: Plan,
    lines: Lines,
    source: ModelSource,
    context: number,
    layOut: (op: PlacedOp, own: ModelPe) => Step,
  ) {
    this.pe = pe;
    this.plan = plan;
    this.lines = lines;
    this.source = source;
    this.context = context;
    this.slots = new Slots(plan.ops);
    for (const op of plan.ops) {
      this.steps.push(layOut(op, this));
      if (op.kind === 'logits') this.logits = this.slots.place(op.in);
      this.slots.done(op);
    }
    this.slots.reserve(pe);
    for (const [name, room] of this.scratch) room.buffer = pe.buffer(name, 'f32', room.length);
  }

  /** This PE's number along an axis. */
  along(axis: Axis): number {
    return axis === 'x' ? this.pe.at.x : this.pe.at.y;
  }

  span(split: Split): Span {
    return cutOf(split)(this.along(split.axis));
  }

  axisOf({ id }: Value): Axis {
    return this.plan.cuts[id]!;
  }

  reduceAlong(axis: Axis): Reduce {
    return reduceAlong(axis, axis === 'x' ? this.pe.mesh.width : this.pe.mesh.height);
  }

  /** Room that steps use one after the other; good once the PE is laid out. */
  shared(name: string, length: number): () => Buffer {
    const room = this.scratch.get(name) ?? { length: 0, buffer: null };
    room.length = Math.max(room.length, length);
    this.scratch.set(name, room);
    return () => room.buffer!;
  }

  /** The tile of a weight, the same for ops that want the same part of it. */
  tile(ref: WeightRef, rows: Span, columns: Span): WeightTile {
    const key = `${refKey(ref)} ${rows.first}-${rows.end} ${columns.first}-${columns.end}`;
    const known = this.tiles.get(key);
    if (known) return known;
    const { type } = this.source.weight(ref.name);
    const tile = new WeightTile(this.pe, ref.name, type, lengthOf(rows), lengthOf(columns));
    this.tiles.set(key, tile);
    this.loads.push(() => tile.load(this.source.weight(ref.name), rows, columns, ref.rows));
    return tile;
  }

  /** Elements of a small weight. */
  vector(ref: WeightRef, span: Span, read: (ref: WeightRef) => Float32Array): Buffer {
    const buffer = this.pe.buffer(ref.name, 'f32', lengthOf(span));
    this.loads.push(() => buffer.write(read(ref).subarray(span.first, span.end)));
    return buffer;
  }

  /** How a vector gets from one cut along an axis to another. */
  handover(axis: Axis, from: Cut, to: Cut): (own: Buffer, at: number, into: Buffer, toAt: number) => Flow {
    const handover = new Handover(this.lines, this.reduceAlong(axis), from, to);
    const whole = this.shared('whole', handover.words);
    return (own, at, into, toAt) => handover.run(this.pe, own, at, into, toAt, whole());
  }

  /** Whether the cuts differ. */
  moves(axis: Axis, from: Cut, to: Cut): boolean {
    return new Handover(this.lines, this.reduceAlong(axis), from, to).moves;
  }

  elements(count: number, passes: number) {
    return elementWork(this.pe.mesh.numbers, count, passes, 'f32');
  }

  /** Copies this PE's tiles out of the stored weights. */
  load(): void {
    for (const load of this.loads) load();
  }

  /** A copy of this PE's part of a value. */
  partOf(value: Value): Float32Array {
    return partOf(this.slots.place(value)).slice();
  }

  *step(input: StepInput): Flow {
    for (const [op, step] of this.steps.entries()) {
      yield* step(input);
      input.onOp?.(op, this.pe.cycle);
    }
  }

  /** Puts this PE's part of the logits where it belongs. */
  copyLogits(logits: Float32Array): void {
    const place = this.logits!;
    logits.set(partOf(place), place.cut(this.pe.at.x).first);
  }
}
