/** Starts an engine's workers as threads of Node. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { type Crew, startThreads } from '../../runtime/engine/crew.js';
import type { LeaderInit } from '../../runtime/leader/leader.js';
import { endpointOf } from './endpoint.js';
import type { WorkerData } from './worker-entry.js';

const todo = 'Load the model again.';

export function startCrew(init: LeaderInit): Promise<Crew> {
  const { port1, port2 } = new MessageChannel();
  return startThreads(endpointOf(port1), (lost) => {
    const threads = Array.from({ length: init.workers }, (_, worker) => {
      const port = worker === 0 ? port2 : null;
      const workerData: WorkerData = { worker, init, port };
      const thread = new Worker(new URL('./worker-entry.js', import.meta.url), {
        workerData,
        transferList: port === null ? [] : [port],
        name: `waferflow-${worker}`,
        // A parent's flags, --input-type for one, are not for worker files.
        execArgv: [],
      });
      thread.on('error', (error) => lost(worker, `the error "${error.message}"`, todo, error));
      thread.on('exit', (code) => lost(worker, `its end with code ${code}`, todo));
      return thread;
    });
    const helpers = threads.slice(1);
    return {
      ready: Promise.all(helpers.map((thread) => new Promise((resolve) => thread.once('message', resolve)))),
      hold(isBusy) {
        for (const handle of [port1, ...threads]) {
          if (isBusy) handle.ref();
          else handle.unref();
        }
      },
      async stop() {
        await Promise.all(threads.map((thread) => thread.terminate()));
      },
    };
  });
}
