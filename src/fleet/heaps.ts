/** Priority queues over typed arrays. Ties go to the smaller number, so that the order of events is fixed. */

/** A fixed set of clocks, one per index, each with one time; the earliest is at hand. */
export class ClockHeap {
  private readonly times: Float64Array;
  private readonly heap: Int32Array;
  private readonly places: Int32Array;

  constructor(size: number) {
    this.times = new Float64Array(size).fill(Infinity);
    this.heap = Int32Array.from({ length: size }, (_, i) => i);
    this.places = Int32Array.from({ length: size }, (_, i) => i);
  }

  get earliest(): number {
    return this.heap[0]!;
  }

  get time(): number {
    return this.times[this.heap[0]!]!;
  }

  set(index: number, time: number): void {
    const before = this.times[index]!;
    if (time === before) return;
    this.times[index] = time;
    if (time < before) this.up(this.places[index]!);
    else this.down(this.places[index]!);
  }

  private isBefore(a: number, b: number): boolean {
    const ta = this.times[a]!;
    const tb = this.times[b]!;
    return ta < tb || (ta === tb && a < b);
  }

  private put(place: number, index: number): void {
    this.heap[place] = index;
    this.places[index] = place;
  }

  private up(start: number): void {
    const index = this.heap[start]!;
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.isBefore(index, this.heap[parent]!)) break;
      this.put(place, this.heap[parent]!);
      place = parent;
    }
    this.put(place, index);
  }

  private down(start: number): void {
    const { heap } = this;
    const index = heap[start]!;
    let place = start;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.isBefore(heap[child]!, index)) break;
      this.put(place, heap[child]!);
      place = child;
    }
    this.put(place, index);
  }
}

/** Events by time, first in first out among equals. */
export class EventHeap<T> {
  private readonly heap: { readonly time: number; readonly order: number; readonly value: T }[] = [];
  private pushed = 0;

  get size(): number {
    return this.heap.length;
  }

  get time(): number {
    return this.heap.length === 0 ? Infinity : this.heap[0]!.time;
  }

  push(time: number, value: T): void {
    const { heap } = this;
    const entry = { time, order: this.pushed++, value };
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isEarlier(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  pop(): T | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first?.value;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isEarlier(heap[child + 1]!, heap[child]!)) child++;
      if (!isEarlier(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return first.value;
  }
}

interface Timed {
  readonly time: number;
  readonly order: number;
}

function isEarlier(a: Timed, b: Timed): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
