/** From start to end of the server: when it stops taking work, and when work that goes on is cut. */
import { setMaxListeners } from 'node:events';
import { type ApiError, unavailable } from '../errors.js';

/** What was cut has so long to tell its client. */
const CUT_MS = 3000;

export class Lifecycle {
  private readonly drainController = new AbortController();
  private readonly cutController = new AbortController();
  private readonly waiters: (() => void)[] = [];
  private readonly cutHandlers = new Set<() => void>();
  private inFlight = 0;

  constructor() {
    // Every socket listens.
    setMaxListeners(0, this.draining);
  }

  /** Aborted when no new work is taken any more. */
  get draining(): AbortSignal {
    return this.drainController.signal;
  }

  /** Aborted, with an ApiError as its reason, when work under way has to end now. */
  get cut(): AbortSignal {
    return this.cutController.signal;
  }

  /** Calls it when work has to end; the function that is returned takes it back. Cheaper than a listener at `cut`. */
  onCut(end: () => void): () => void {
    this.cutHandlers.add(end);
    return () => this.cutHandlers.delete(end);
  }

  /** Throws an ApiError when the server takes no new work. */
  requireOpen(): void {
    if (this.draining.aborted) throw shuttingDown();
  }

  /** Counts a piece of work; the drain waits for what is returned to be called. */
  begin(): () => void {
    this.inFlight++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.inFlight--;
      if (this.inFlight === 0) for (const wake of this.waiters.splice(0)) wake();
    };
  }

  /** Takes no new work, waits at most so long for what runs, then cuts it. Settles when nothing runs any more, or soon after. */
  async drain(deadlineMs: number): Promise<void> {
    this.drainController.abort();
    let last: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      this.cutController.abort(shuttingDown());
      for (const end of [...this.cutHandlers]) end();
    }, deadlineMs);
    const gaveUp = new Promise<void>((resolve) => {
      last = setTimeout(resolve, deadlineMs + CUT_MS);
    });
    await Promise.race([this.idle(), gaveUp]);
    clearTimeout(timer);
    clearTimeout(last);
  }

  private idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }
}

function shuttingDown(): ApiError {
  return unavailable('server_shutting_down', 'The server is shutting down: try another one, or later.', 5000);
}
