/** Starts an engine's workers as threads of Node. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { EngineError } from '../../core/errors.js';
import type { Crew } from '../../runtime/engine.js';
import type { LeaderApi, LeaderInit } from '../../runtime/leader.js';
import { connect } from '../../runtime/link.js';
import type { WorkerData } from './worker-entry.js';

export async function startCrew(init: LeaderInit): Promise<Crew> {
  let isStopping = false;
  let fail: (error: EngineError) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  const { port1, port2 } = new MessageChannel();
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
    const lost = (given: string, cause?: unknown): void => {
      if (isStopping) return;
      fail(
        new EngineError(
          { what: `worker ${worker}`, given, expected: 'a running worker', todo: 'Load the model again.' },
          { cause },
        ),
      );
    };
    thread.on('error', (error) => lost(`the error "${error.message}"`, error));
    thread.on('exit', (code) => lost(`its end with code ${code}`));
    return thread;
  });
  const stop = async (): Promise<void> => {
    isStopping = true;
    port1.close();
    await Promise.all(threads.map((thread) => thread.terminate()));
  };
  const hold = (isBusy: boolean): void => {
    for (const handle of [port1, ...threads]) {
      if (isBusy) handle.ref();
      else handle.unref();
    }
  };
  try {
    const helpers = threads.slice(1);
    const ready = helpers.map((thread) => new Promise((resolve) => thread.once('message', resolve)));
    await Promise.race([Promise.all(ready), failed]);
  } catch (error) {
    await stop();
    throw error;
  }
  const leader = connect<LeaderApi>(port1);
  hold(false);
  return { leader, failed, hold, stop };
}
