/** A sequence being interpreted: its values, a vector per position, and the weights that its ops read. */
import type { Value, WeightRef } from '../op.js';

/** A stored tensor's values, row by row, by its name. */
export type Tensors = (name: string) => ArrayLike<number>;

export type Vector = Float64Array;

export const vector = (length: number, of: (i: number) => number): Vector =>
  Float64Array.from({ length }, (_, i) => of(i));

export class Run {
  readonly ids: readonly number[];
  readonly context: number;
  logits: Vector[] = [];
  /** A vector per position, by a value's number. */
  private readonly values = new Map<number, Vector[]>();
  private readonly tensors: Tensors;
  private readonly parts = new Map<WeightRef, Vector>();
  /** Keys and values of each cache, a vector per position. */
  readonly caches = new Map<number, { readonly k: Vector[]; readonly v: Vector[] }>();

  /** Number of the adapters' choice. */
  readonly adapter: number;

  constructor(tensors: Tensors, ids: readonly number[], context: number, adapter: number) {
    this.tensors = tensors;
    this.adapter = adapter;
    this.ids = ids;
    this.context = context;
  }

  get({ id }: Value): Vector[] {
    return this.values.get(id)!;
  }

  /** Writes a value: a vector for each position. */
  set(value: Value, of: (position: number) => Vector): void {
    this.values.set(
      value.id,
      this.ids.map((_, position) => of(position)),
    );
  }

  /** The rows of a stored tensor that a reference means. */
  weight(ref: WeightRef): Vector {
    const known = this.parts.get(ref);
    if (known) return known;
    const { shape, rows, plus = 0, isInverse } = ref;
    let all = Float64Array.from(this.tensors(ref.name), (x) => (isInverse ? 1 / x : x) + plus);
    if (rows) {
      const matrices = shape.length === 3 ? shape[0]! : 1;
      const stored = shape.length === 3 ? shape[1]! : shape[0]!;
      const width = shape.length === 1 ? 1 : shape.at(-1)!;
      const step = stored / rows.groups;
      const kept: Vector[] = [];
      for (let matrix = 0; matrix < matrices; matrix++) {
        for (let group = 0; group < rows.groups; group++) {
          const first = matrix * stored + group * step + rows.first;
          kept.push(all.subarray(first * width, (first + rows.count) * width));
        }
      }
      all = Float64Array.from(kept.flatMap((part) => [...part]));
    }
    this.parts.set(ref, all);
    return all;
  }

  optional(ref: WeightRef | null | undefined): Vector | null {
    return ref ? this.weight(ref) : null;
  }
}
