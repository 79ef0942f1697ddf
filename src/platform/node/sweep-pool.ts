/** Threads that do the jobs of sweeps, one each at a time. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { EngineError, ModelError } from '../../core/errors.js';
import { connect, type Remote } from '../../runtime/link.js';
import { endpointOf } from './endpoint.js';
import type { SweepThreadApi } from './sweep-thread.js';

export interface SweepPool {
  readonly threads: number;
  /** The result of a job as JSON; waits for a free thread. `inputs` are sent to a thread once per key. */
  run(key: string, inputs: string, job: string): Promise<string>;
  stop(): Promise<void>;
}

interface Thread {
  readonly api: Remote<SweepThreadApi>;
  readonly failed: Promise<never>;
  readonly stop: () => Promise<unknown>;
  key: string | null;
}

export function startSweepPool(threads: number): SweepPool {
  const all = Array.from({ length: threads }, startThread);
  const idle = [...all];
  const waiting: ((thread: Thread) => void)[] = [];
  const release = (thread: Thread): void => {
    const next = waiting.shift();
    if (next) next(thread);
    else idle.push(thread);
  };
  return {
    threads,
    async run(key, inputs, job) {
      const thread = idle.pop() ?? (await new Promise<Thread>((resolve) => waiting.push(resolve)));
      try {
        const work = async () => {
          if (thread.key !== key) await thread.api.open(key, inputs);
          thread.key = key;
          return thread.api.run(key, job);
        };
        const answer = await Promise.race([work(), thread.failed]);
        if ('result' in answer) return answer.result;
        throw answer.isDeliberate ? refusal(answer.failure) : new Error(answer.failure);
      } finally {
        release(thread);
      }
    },
    async stop() {
      await Promise.all(all.map((thread) => thread.stop()));
    },
  };
}

function startThread(): Thread {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('./sweep-thread.js', import.meta.url), {
    workerData: { port: port2 },
    transferList: [port2],
    name: 'waferflow-sweep',
    // A parent's flags, --input-type for one, are not for worker files.
    execArgv: [],
  });
  let isStopping = false;
  const failed = new Promise<never>((_, reject) => {
    const lost = (given: string): void => {
      if (isStopping) return;
      reject(
        new EngineError({
          what: 'a thread of the sweep',
          given,
          expected: 'a running thread',
          todo: 'Run it again; --resume keeps what is done.',
        }),
      );
    };
    worker.on('error', (error) => lost(`the error "${error.message}"`));
    worker.on('exit', (code) => lost(`its end with code ${code}`));
  });
  failed.catch(() => undefined);
  return {
    api: connect<SweepThreadApi>(endpointOf(port1)),
    failed,
    key: null,
    stop: () => {
      isStopping = true;
      port1.close();
      return worker.terminate();
    },
  };
}

/** A deliberate error of another thread or machine, whose message is already whole. */
export function refusal(message: string): ModelError {
  return Object.assign(
    new ModelError({ what: 'the sweep', given: message, expected: 'a result', todo: 'See above.' }),
    {
      message,
    },
  );
}
