/**
 * Copies of recurrent states, in records behind those of the running sequences. A state holds for one position alone, so a
 * sequence can go on only from where a copy was made: before drafts, and at the ends of pages that others may begin with.
 */

/** Something that can be gone on from while it has a copy. */
export interface StateHolder {
  /** The record with the states at its end; null for none. */
  state: number | null;
}

export class StateCopies {
  private readonly free: number[];
  /** Pages with a copy of the state after them, the one not asked for for longest first. */
  private readonly kept = new Set<StateHolder>();

  /** `count` records from `first` on. */
  constructor(first: number, count: number) {
    this.free = Array.from({ length: count }, (_, i) => first + count - 1 - i);
  }

  /** A record to copy to: a free one, else that of the page not asked for for longest; null if all hold drafts' pasts. */
  take(): number | null {
    if (this.free.length === 0) {
      const [oldest] = this.kept;
      if (oldest !== undefined) this.drop(oldest);
    }
    return this.free.pop() ?? null;
  }

  give(record: number): void {
    this.free.push(record);
  }

  /** The record holds the state after `page` from now on. */
  keep(page: StateHolder, record: number): void {
    page.state = record;
    this.kept.add(page);
  }

  /** Somebody goes on from `page`. */
  touch(page: StateHolder): void {
    if (this.kept.delete(page)) this.kept.add(page);
  }

  /** Nobody can go on from `page` any more. */
  drop(page: StateHolder): void {
    if (!this.kept.delete(page)) return;
    this.give(page.state!);
    page.state = null;
  }
}
