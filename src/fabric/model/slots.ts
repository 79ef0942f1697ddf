/** Room for values in a PE: values that are never alive together share a buffer. */
import { lastReads, readsOf, writesOf } from '../../../models/flow.js';
import type { Value } from '../../../models/op.js';
import type { PlacedOp } from '../../placement/plan.js';
import type { Buffer, Pe } from '../pe.js';
import type { Cut } from './lines.js';

/** A buffer to be; it grows to the largest of those that lie in it one after the other. */
export interface Slot {
  length: number;
  buffer: Buffer | null;
  readonly alive: Set<number>;
}

/** This PE's part of a value, from `at` on in its slot: the features that `cut` gives it along the axis. */
export interface Place {
  readonly slot: Slot;
  readonly at: number;
  readonly length: number;
  readonly cut: Cut;
}

export const bufferOf = ({ slot }: Place): Buffer => slot.buffer!;

/** The part itself. */
export function partOf(place: Place): Float32Array {
  return bufferOf(place).f32.subarray(place.at, place.at + place.length);
}

export class Slots {
  private readonly slots: Slot[] = [];
  private readonly places = new Map<number, Place>();
  private readonly last: readonly number[];
  private now = 0;

  constructor(ops: readonly PlacedOp[]) {
    this.last = lastReads(ops);
  }

  place({ id }: Value): Place {
    return this.places.get(id)!;
  }

  /** Places side by side in one slot, for what one op writes. */
  take(parts: readonly (readonly [value: Value, length: number, cut: Cut])[]): Place[] {
    const wanted = parts.reduce((sum, [, length]) => sum + length, 0);
    // The smallest that is large enough, else the largest, which grows.
    const free = this.slots.filter(({ alive }) => alive.size === 0).sort((a, b) => a.length - b.length);
    const slot = free.find(({ length }) => length >= wanted) ??
      free.at(-1) ?? { length: 0, buffer: null, alive: new Set<number>() };
    if (!this.slots.includes(slot)) this.slots.push(slot);
    let at = 0;
    const places = parts.map(([value, length, cut]) => {
      const place = { slot, at, length, cut };
      at += length;
      slot.alive.add(value.id);
      this.places.set(value.id, place);
      return place;
    });
    slot.length = Math.max(slot.length, at);
    return places;
  }

  /** The place of `value`, written where `from` lies if nothing reads that afterwards, else beside it. */
  inPlaceOf(from: Value, value: Value): Place {
    const place = this.place(from);
    if (this.last[from.id] !== this.now) return this.take([[value, place.length, place.cut]])[0]!;
    place.slot.alive.delete(from.id);
    place.slot.alive.add(value.id);
    this.places.set(value.id, place);
    return place;
  }

  /** The op is laid out: what nothing reads from here on gives its room back. */
  done(op: PlacedOp): void {
    for (const { id } of [...readsOf(op), ...writesOf(op)]) {
      if ((this.last[id] ?? this.now) <= this.now) this.places.get(id)?.slot.alive.delete(id);
    }
    this.now++;
  }

  reserve(pe: Pe): void {
    for (const [i, slot] of this.slots.entries()) slot.buffer = pe.buffer(`values ${i}`, 'f32', slot.length);
  }
}
