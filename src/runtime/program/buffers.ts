/** Which buffer each value of a plan lies in: a buffer is free again after the last op that reads its value. */
import { lastReads, readsOf, writesOf } from '../../../models/flow.js';
import type { OpKind, Value } from '../../../models/op.js';
import type { PlacedOp } from '../../placement/plan.js';

export interface Buffers {
  /** Features that each buffer holds, by its number. */
  readonly sizes: readonly number[];
  /** The buffer of a value, by the value's number; undefined for one that lives in the activation alone. */
  readonly of: readonly (number | undefined)[];
}

/** Kinds that write a feature after they have read what it is made of, and that other workers do not read in between. */
const IN_PLACE: ReadonlySet<OpKind> = new Set(['add', 'activation', 'scale', 'rope']);
/** Kinds that put something into the activation, where the products that follow a norm find it. */
const USES_ACTIVATION: ReadonlySet<OpKind> = new Set(['norm', 'linear', 'headLinear', 'expertLinear']);

const isInPlace = (op: PlacedOp): boolean =>
  IN_PLACE.has(op.kind) || (op.kind === 'norm' && op.per < op.in.features && op.in.rows === op.out.rows);

/**
 * Values that need no buffer: normed vectors that only the products right behind read, before anything else takes the
 * activation.
 */
export function directValues(ops: readonly PlacedOp[]): ReadonlySet<number> {
  const direct = new Set<number>();
  for (const [at, op] of ops.entries()) {
    if (op.kind !== 'norm' || op.per !== op.in.features) continue;
    const { id } = op.out;
    const readers = ops.flatMap((other, i) => (readsOf(other).some((value) => value.id === id) ? [i] : []));
    const between = ops.slice(at + 1, Math.max(at, ...readers) + 1);
    const isOnlyReader = between.every(
      (other) => !USES_ACTIVATION.has(other.kind) || (other.kind === 'linear' && other.in.id === id),
    );
    if (isOnlyReader && readers.every((i) => ops[i]!.kind === 'linear')) direct.add(id);
  }
  return direct;
}

/** Buffers for all values but the direct ones. */
export function assignBuffers(ops: readonly PlacedOp[], direct: ReadonlySet<number>): Buffers {
  const sizes: number[] = [];
  const of: (number | undefined)[] = [];
  const free: number[] = [];
  const last = lastReads(ops);

  const take = (features: number): number => {
    let best = -1;
    for (const [i, buffer] of free.entries()) {
      const fits = sizes[buffer]! >= features;
      if (fits && (best < 0 || sizes[buffer]! < sizes[free[best]!]!)) best = i;
    }
    // A buffer far too large is kept for what needs it.
    if (best >= 0 && sizes[free[best]!]! <= 2 * features) return free.splice(best, 1)[0]!;
    return sizes.push(features) - 1;
  };
  for (const [at, op] of ops.entries()) {
    const isDying = (value: Value): boolean => last[value.id] === at && of[value.id] !== undefined;
    const dying = new Set(
      readsOf(op)
        .filter(isDying)
        .map((value) => of[value.id]!),
    );
    for (const out of writesOf(op)) {
      if (direct.has(out.id)) continue;
      const inherited = readsOf(op).find(
        (value) =>
          isInPlace(op) && isDying(value) && value.features === out.features && value.rows === out.rows,
      );
      if (inherited === undefined) of[out.id] = take(out.features);
      else {
        of[out.id] = of[inherited.id]!;
        dying.delete(of[inherited.id]!);
      }
      if (last[out.id] === undefined) dying.add(of[out.id]!);
    }
    free.push(...dying);
  }
  return { sizes, of };
}
