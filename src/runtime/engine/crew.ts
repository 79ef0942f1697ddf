/** The running workers of an engine, and how a platform starts them: all of them, or none. */
import { EngineError } from '../../core/errors.js';
import type { LeaderApi } from '../leader/leader.js';
import { connect, type LinkEndpoint, type Remote } from '../link.js';

export interface Crew {
  readonly leader: Remote<LeaderApi>;
  /** Rejects when a worker ends that should not have. */
  readonly failed: Promise<never>;
  /** Whether the workers keep the process alive: they do while a job runs. */
  hold(isBusy: boolean): void;
  stop(): Promise<void>;
}

/** The threads as a platform has started them. */
export interface Threads {
  /** Settled when every helper serves. */
  readonly ready: Promise<unknown>;
  hold(isBusy: boolean): void;
  stop(): Promise<void>;
}

/** To be told of a worker that is lost: what was seen of it, and what to do. */
export type Lost = (worker: number, given: string, todo: string, cause?: unknown) => void;

/** Starts threads and waits until they serve; `port` leads to worker 0. Rejects, with all stopped, when one is lost. */
export async function startThreads(
  port: LinkEndpoint & { close(): void },
  start: (lost: Lost) => Threads,
): Promise<Crew> {
  let isStopping = false;
  let fail: (error: EngineError) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  const threads = start((worker, given, todo, cause) => {
    if (isStopping) return;
    const facts = { what: `worker ${worker}`, given, expected: 'a running worker', todo };
    fail(new EngineError(facts, { cause }));
  });
  const stop = (): Promise<void> => {
    isStopping = true;
    // The process lives until the threads have ended, whatever calls give up meanwhile.
    threads.hold(true);
    port.close();
    return threads.stop();
  };
  try {
    await Promise.race([threads.ready, failed]);
  } catch (error) {
    await stop();
    throw error;
  }
  const leader = connect<LeaderApi>(port);
  threads.hold(false);
  const hold = (isBusy: boolean): void => {
    if (!isStopping) threads.hold(isBusy);
  };
  return { leader, failed, hold, stop };
}
