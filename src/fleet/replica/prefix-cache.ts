/**
 * Blocks of prompts that a replica has computed and keeps as long as there is room. A block's number stands for
 * all tokens up to its end, so equal numbers mean equal prefixes. Blocks that nobody holds go in the order in
 * which they were last held, the ends of prompts before their beginnings.
 */

const NONE = -1;

export class PrefixCache {
  private keys: Int32Array;
  private holders: Int32Array;
  /** Chains of one bucket, and the free list. */
  private links: Int32Array;
  private older: Int32Array;
  private newer: Int32Array;
  private buckets: Int32Array;
  private freeEntry = 0;
  private oldest = NONE;
  private newest = NONE;
  private entries = 0;
  private held = 0;

  constructor() {
    const size = 1024;
    this.keys = new Int32Array(size);
    this.holders = new Int32Array(size);
    this.links = Int32Array.from({ length: size }, (_, i) => (i + 1 < size ? i + 1 : NONE));
    this.older = new Int32Array(size);
    this.newer = new Int32Array(size);
    this.buckets = new Int32Array(size * 2).fill(NONE);
  }

  /** All blocks, held or not. */
  get size(): number {
    return this.entries;
  }

  get heldBlocks(): number {
    return this.held;
  }

  has(block: number): boolean {
    return this.find(block) !== NONE;
  }

  /** Takes hold of a block; false when it is not here. */
  hold(block: number): boolean {
    const entry = this.find(block);
    if (entry === NONE) return false;
    if (this.holders[entry] === 0) {
      this.unlink(entry);
      this.held++;
    }
    this.holders[entry] = this.holders[entry]! + 1;
    return true;
  }

  /** Adds a block that is not here yet, held once. */
  add(block: number): void {
    if (this.freeEntry === NONE) this.grow();
    const entry = this.freeEntry;
    this.freeEntry = this.links[entry]!;
    const bucket = this.bucketOf(block);
    this.keys[entry] = block;
    this.holders[entry] = 1;
    this.links[entry] = this.buckets[bucket]!;
    this.buckets[bucket] = entry;
    this.entries++;
    this.held++;
  }

  drop(block: number): void {
    const entry = this.find(block);
    if (entry === NONE || this.holders[entry] === 0)
      throw new Error(`block ${block} is dropped but not held`);
    this.holders[entry] = this.holders[entry]! - 1;
    if (this.holders[entry]! > 0) return;
    this.held--;
    this.older[entry] = this.newest;
    this.newer[entry] = NONE;
    if (this.newest === NONE) this.oldest = entry;
    else this.newer[this.newest] = entry;
    this.newest = entry;
  }

  /** Forgets the block that nobody has held for longest; false when all are held. */
  evict(): boolean {
    const entry = this.oldest;
    if (entry === NONE) return false;
    this.unlink(entry);
    const bucket = this.bucketOf(this.keys[entry]!);
    let link = this.buckets[bucket]!;
    if (link === entry) {
      this.buckets[bucket] = this.links[entry]!;
    } else {
      while (this.links[link] !== entry) link = this.links[link]!;
      this.links[link] = this.links[entry]!;
    }
    this.links[entry] = this.freeEntry;
    this.freeEntry = entry;
    this.entries--;
    return true;
  }

  private bucketOf(block: number): number {
    const mixed = Math.imul(block, 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) & (this.buckets.length - 1);
  }

  private find(block: number): number {
    let entry = this.buckets[this.bucketOf(block)]!;
    while (entry !== NONE && this.keys[entry] !== block) entry = this.links[entry]!;
    return entry;
  }

  private unlink(entry: number): void {
    const older = this.older[entry]!;
    const newer = this.newer[entry]!;
    if (older === NONE) this.oldest = newer;
    else this.newer[older] = newer;
    if (newer === NONE) this.newest = older;
    else this.older[newer] = older;
  }

  private grow(): void {
    const before = this.keys.length;
    const size = before * 2;
    const wide = (column: Int32Array): Int32Array => {
      const wider = new Int32Array(size);
      wider.set(column);
      return wider;
    };
    this.keys = wide(this.keys);
    this.holders = wide(this.holders);
    this.links = wide(this.links);
    this.older = wide(this.older);
    this.newer = wide(this.newer);
    this.buckets = new Int32Array(size * 2).fill(NONE);
    // Every entry is in use here, or there would have been no need to grow.
    for (let entry = 0; entry < before; entry++) {
      const bucket = this.bucketOf(this.keys[entry]!);
      this.links[entry] = this.buckets[bucket]!;
      this.buckets[bucket] = entry;
    }
    for (let entry = before; entry < size; entry++) this.links[entry] = entry + 1 < size ? entry + 1 : NONE;
    this.freeEntry = before;
  }
}
