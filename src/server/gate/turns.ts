/**
 * Large bodies are read by turns, since nothing else is served while one is: between two of them there is twice the time
 * that the first one took.
 */

/** Bodies and messages up to this are read as they come: a millisecond. */
export const quickBytes = 64 * 1024;
/** Of the time that the event loop has, large bodies get one part, and all others so many. */
const othersParts = 2;

export class Turns {
  /** Those who wait, by owner: the owner that had a turn last comes last. */
  private readonly waiting = new Map<string, (() => void)[]>();
  private isTaken: boolean = false;

  /** Settles when it is the caller's turn, which lasts until the event loop goes on; owners have theirs one after the other. */
  next(owner: string): Promise<void> {
    return this.wait(owner, 'push');
  }

  /** As `next`, in front of the owner's others: for what had a turn already, and is held until it is done with. */
  again(owner: string): Promise<void> {
    return this.wait(owner, 'unshift');
  }

  private wait(owner: string, where: 'push' | 'unshift'): Promise<void> {
    return new Promise((resolve) => {
      const own = this.waiting.get(owner) ?? [];
      own[where](resolve);
      this.waiting.set(owner, own);
      this.give();
    });
  }

  private give(): void {
    const [first] = this.waiting;
    if (this.isTaken || first === undefined) return;
    const [owner, own] = first;
    this.waiting.delete(owner);
    const take = own.shift()!;
    if (own.length > 0) this.waiting.set(owner, own);
    this.isTaken = true;
    take();
    void over().then(() => {
      this.isTaken = false;
      this.give();
    });
  }
}

async function over(): Promise<void> {
  const startMs = performance.now();
  await new Promise((resolve) => setImmediate(resolve));
  const tookMs = performance.now() - startMs;
  await new Promise((resolve) => setTimeout(resolve, othersParts * tookMs));
}
