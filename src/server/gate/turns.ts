/**
 * Large bodies are read by turns, since nothing else is served while one is: between two of them there is twice the time
 * that the first one took.
 */

/** Bodies and messages up to this are read as they come: a millisecond. */
export const quickBytes = 64 * 1024;
/** Of the time that the event loop has, large bodies get one part, and all others so many. */
const othersParts = 2;

export class Turns {
  private last: Promise<void> = Promise.resolve();

  /** Settles when it is the caller's turn, which lasts until the event loop goes on. */
  next(): Promise<void> {
    const turn = this.last;
    this.last = turn.then(over);
    return turn;
  }
}

async function over(): Promise<void> {
  const startMs = performance.now();
  await new Promise((resolve) => setImmediate(resolve));
  const tookMs = performance.now() - startMs;
  await new Promise((resolve) => setTimeout(resolve, othersParts * tookMs));
}
