/** A hash table from pairs of numbers to indices, in typed arrays: a vocabulary has hundreds of thousands of merges. */

export class PairTable {
  /** Slots of three: left, right, index + 1; 0 is an empty slot. */
  private slots: Int32Array;
  private mask: number;
  size = 0;

  constructor(expected: number) {
    let slots = 1024;
    while (slots < 2 * expected) slots *= 2;
    this.slots = new Int32Array(3 * slots);
    this.mask = slots - 1;
  }

  private slotOf(left: number, right: number): number {
    const { slots, mask } = this;
    let at = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    at = (at ^ (at >>> 15)) & mask;
    while (slots[3 * at + 2] !== 0 && (slots[3 * at] !== left || slots[3 * at + 1] !== right))
      at = (at + 1) & mask;
    return 3 * at;
  }

  /** The index of a pair, or -1. */
  get(left: number, right: number): number {
    return this.slots[this.slotOf(left, right) + 2]! - 1;
  }

  /** Sets the index of a pair that has none yet; the first of two counts. */
  add(left: number, right: number, index: number): void {
    const slot = this.slotOf(left, right);
    if (this.slots[slot + 2] !== 0) return;
    this.slots[slot] = left;
    this.slots[slot + 1] = right;
    this.slots[slot + 2] = index + 1;
    this.size++;
    if (2 * this.size > this.mask) this.grow();
  }

  private grow(): void {
    const { slots } = this;
    this.slots = new Int32Array(2 * slots.length);
    this.mask = 2 * this.mask + 1;
    for (let at = 0; at < slots.length; at += 3) {
      if (slots[at + 2] !== 0)
        this.slots.set(slots.subarray(at, at + 3), this.slotOf(slots[at]!, slots[at + 1]!));
    }
  }

  clear(): void {
    this.slots.fill(0);
    this.size = 0;
  }
}

/** Pairs that are remembered; hostile text has far more than real text. */
const maxPairs = 1_000_000;

/** What pairs merge to, looked up in a vocabulary when first asked for: a text has few of them, and a file many. */
export class PairMemory {
  /** 0 where they do not merge, else the merge plus one. */
  private readonly known = new PairTable(16_384);
  private readonly look: (left: number, right: number) => number | undefined;

  constructor(look: (left: number, right: number) => number | undefined) {
    this.look = look;
  }

  /** The merge of a pair, or -1. */
  find(left: number, right: number): number {
    let known = this.known.get(left, right);
    if (known < 0) {
      known = (this.look(left, right) ?? -1) + 1;
      if (this.known.size >= maxPairs) this.known.clear();
      this.known.add(left, right, known);
    }
    return known - 1;
  }
}
