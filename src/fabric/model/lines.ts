/** The ways of a model on its rectangle: all-reduces along both axes, and values handed to where they are needed. */
import { type Axis, type Reduce, type Split, tileStart } from '../../placement/plan.js';
import { allreduce, allreduceColors } from '../collectives/allreduce.js';
import type { Part } from '../collectives/line.js';
import { column, row } from '../collectives/line.js';
import type { Mesh } from '../mesh.js';
import type { Buffer, FoldName, Pe, Pending } from '../pe.js';
import { lengthOf, type Span } from './tile.js';

type Flow = Generator<Pending, void, void>;

export class Lines {
  private readonly mesh: Mesh;
  private readonly parts = new Map<string, Part>();
  private readonly colors;

  constructor(mesh: Mesh) {
    this.mesh = mesh;
    this.colors = { x: allreduceColors(row(mesh, 0), 'x'), y: allreduceColors(column(mesh, 0), 'y') };
  }

  /** Lays the routes of one kind of reduction along an axis; to be called before the mesh runs. */
  lay(reduce: Reduce): void {
    const lines = reduce.axis === 'x' ? this.mesh.height : this.mesh.width;
    for (let line = 0; line < lines; line++) {
      for (const fold of ['add', 'max', 'or'] as const) this.part(reduce, line, fold);
    }
  }

  private part(reduce: Reduce, line: number, fold: FoldName): Part {
    const key = `${reduce.axis} ${line} ${fold}`;
    let part = this.parts.get(key);
    if (part === undefined) {
      const along = reduce.axis === 'x' ? row(this.mesh, line) : column(this.mesh, line);
      part = allreduce(along, reduce, this.colors[reduce.axis], fold);
      this.parts.set(key, part);
    }
    return part;
  }

  /** Folds a buffer along the PE's line, in the plan's order; all PEs of the line end with the result. */
  *fold(pe: Pe, reduce: Reduce, buffer: Buffer, count: number, fold: FoldName = 'add'): Flow {
    const { x, y } = pe.at;
    const [line, i] = reduce.axis === 'x' ? [y, x] : [x, y];
    yield* this.part(reduce, line, fold)(pe, i, buffer.view(0, count));
  }
}

/** How a vector is cut along an axis: which part each PE of a line has. */
export type Cut = (i: number) => Span;

export const cutOf =
  (split: Split): Cut =>
  (i) => ({ first: tileStart(split, i), end: tileStart(split, i + 1) });

/** What the host hands to the wafer for one step. */
export interface StepInput {
  token: number;
  position: number;
  /** Told in which cycle a PE has ended an op of the plan. */
  onOp?: ((op: number, cycle: number) => void) | undefined;
}

/**
 * Values that PEs of a line hold in one cut, wanted in another. Where the cuts agree nothing moves; otherwise every
 * PE puts its part into a zeroed copy of the whole and the copies are joined bit by bit along the line.
 */
export class Handover {
  readonly moves: boolean;
  private readonly lines: Lines;
  private readonly reduce: Reduce;
  private readonly from: Cut;
  private readonly to: Cut;

  constructor(lines: Lines, reduce: Reduce, from: Cut, to: Cut) {
    this.lines = lines;
    this.reduce = reduce;
    this.from = from;
    this.to = to;
    const all = Array.from({ length: reduce.parts }, (_, i) => i);
    this.moves = all.some((i) => from(i).first !== to(i).first || from(i).end !== to(i).end);
  }

  /** Words of the whole vector's buffer that each PE needs; 0 if nothing moves. */
  get words(): number {
    return this.moves ? this.from(this.reduce.parts - 1).end : 0;
  }

  private place(pe: Pe, axis: Axis): number {
    return axis === 'x' ? pe.at.x : pe.at.y;
  }

  /** Moves this PE's part of the first cut, at `from` of `own`, to `to` of `into` as its part of the second, by way of `whole`. */
  *run(pe: Pe, own: Buffer, from: number, into: Buffer, to: number, whole: Buffer): Flow {
    const i = this.place(pe, this.reduce.axis);
    const { first, end } = this.from(i);
    const wanted = this.to(i);
    if (!this.moves) {
      if (own !== into || from !== to) into.write(own.f32.slice(from, from + lengthOf(wanted)), to);
      return;
    }
    const { words } = this;
    yield pe.compute(
      { cycles: words },
      () => {
        whole.f32.fill(0, 0, words);
        whole.f32.set(own.f32.subarray(from, from + end - first), first);
      },
      'spread',
    );
    yield* this.lines.fold(pe, this.reduce, whole, words, 'or');
    yield pe.compute(
      { cycles: lengthOf(wanted) },
      () => into.write(whole.f32.subarray(wanted.first, wanted.end), to),
      'take',
    );
  }
}
