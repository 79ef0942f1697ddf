/** Starts an engine's workers: Web Workers that share memory, or one worker alone. */
import { type Crew, startThreads } from '../../runtime/engine/crew.js';
import { createLeader, type LeaderApi, type LeaderInit } from '../../runtime/leader/leader.js';
import { connect, expose } from '../../runtime/link.js';
import { turns } from './turn.js';
import type { WorkerData } from './worker-entry.js';

/** A Web Worker that runs worker-entry.ts; only who bundles a page knows where that file ends up. */
export type StartWorker = (name: string) => Worker;

/** Needs cross-origin isolation. */
export function startCrew(init: LeaderInit, startWorker: StartWorker): Promise<Crew> {
  const { port1, port2 } = new MessageChannel();
  return startThreads(port1, (lost) => {
    const threads = Array.from({ length: init.workers }, (_, worker) => {
      const thread = startWorker(`waferflow-${worker}`);
      thread.addEventListener('error', ({ message }) => {
        // A script that cannot be fetched gives an event without a message.
        const given = message ? `the error "${message}"` : 'a script that does not load';
        lost(worker, given, 'Load the model again; if it happens again, reload the page.');
      });
      return thread;
    });
    const helpers = threads.slice(1);
    const ready = Promise.all(
      helpers.map(
        (thread) => new Promise((resolve) => thread.addEventListener('message', resolve, { once: true })),
      ),
    );
    for (const [worker, thread] of threads.entries()) {
      const port = worker === 0 ? port2 : null;
      const data: WorkerData = { worker, init, port };
      thread.postMessage(data, port === null ? [] : [port]);
    }
    return {
      ready,
      // Nothing keeps a page alive but the page.
      hold: () => undefined,
      stop() {
        for (const thread of threads) thread.terminate();
        return Promise.resolve();
      },
    };
  });
}

/** One worker on the engine's own thread, for pages whose threads cannot share memory. */
export function startAlone(init: LeaderInit): Promise<Crew> {
  const { port1, port2 } = new MessageChannel();
  expose(createLeader(init, turns()), port2);
  const stop = (): Promise<void> => {
    port1.close();
    return Promise.resolve();
  };
  // A thread that breaks takes its engine with it; nobody is left to be told.
  const failed = new Promise<never>(() => undefined);
  return Promise.resolve({ leader: connect<LeaderApi>(port1), failed, hold: () => undefined, stop });
}
