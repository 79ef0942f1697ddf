/** Where the jobs of a capacity search run: threads of this process or workers on Redis, with results kept in a file. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { JobRunner, SweepJob, SweepJobResult } from '../fleet/search/sweep.js';
import { SweepFile } from '../platform/node/sweep-file.js';
import { type SweepPool, startSweepPool } from '../platform/node/sweep-pool.js';
import { progressBar } from './output.js';

export interface SweepOptions {
  /** JSON of the inputs; what has the same key has the same results. */
  readonly inputs: string;
  readonly version: string;
  readonly workers: number | null;
  readonly resume: string | null;
  readonly queue: { readonly url: string; readonly patienceMs: number } | null;
  readonly signal: AbortSignal;
}

export interface SweepRun {
  readonly run: JobRunner;
  /** Jobs that an earlier run had done. */
  readonly resumed: number;
  close(): Promise<void>;
}

type RunJobs = (
  jobs: readonly { readonly index: number; readonly job: string }[],
  done: (index: number, result: string) => void,
) => Promise<void>;

export async function startSweep(options: SweepOptions): Promise<SweepRun> {
  const { inputs, version, resume, signal } = options;
  const key = createHash('sha256').update(version).update(inputs).digest('hex').slice(0, 32);
  const file = resume === null ? null : SweepFile.open(resume, key);
  const place = options.queue === null ? onThreads(options, key) : await onQueue(options, options.queue, key);
  let offset = 0;
  return {
    resumed: file?.finished ?? 0,
    async run(jobs) {
      const begins = offset;
      offset += jobs.length;
      return runPhase(jobs, begins, place.run, file, signal);
    },
    async close() {
      file?.close();
      await place.close();
    },
  };
}

async function runPhase(
  jobs: readonly SweepJob[],
  begins: number,
  runJobs: RunJobs,
  file: SweepFile | null,
  signal: AbortSignal,
): Promise<readonly SweepJobResult[]> {
  const texts = jobs.map((job) => JSON.stringify(job));
  const results = texts.map((job, i) => file?.resultOf(begins + i, job) ?? null);
  const open = texts.flatMap((job, i) => (results[i] === null ? [{ index: begins + i, job }] : []));
  const bar = progressBar('searching', 'configurations');
  let done = results.length - open.length;
  bar.update(done, jobs.length);
  try {
    await runJobs(open, (index, result) => {
      signal.throwIfAborted();
      results[index - begins] = result;
      file?.add(index, texts[index - begins]!, result);
      bar.update(++done, jobs.length);
    });
  } finally {
    bar.end();
  }
  return results.map((result) => JSON.parse(result!) as SweepJobResult);
}

interface Place {
  readonly run: RunJobs;
  close(): Promise<void>;
}

function onThreads({ inputs, workers, signal }: SweepOptions, key: string): Place {
  let pool: SweepPool | null = null;
  return {
    async run(jobs, done) {
      if (jobs.length === 0) return;
      pool ??= startSweepPool(Math.min(workers ?? availableParallelism(), jobs.length));
      const { run } = pool;
      const stopped = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      stopped.catch(() => undefined);
      const all = Promise.all(jobs.map(async ({ index, job }) => done(index, await run(key, inputs, job))));
      await Promise.race([all, stopped]);
    },
    async close() {
      await pool?.stop();
    },
  };
}

async function onQueue(
  { inputs, signal }: SweepOptions,
  { url, patienceMs }: { readonly url: string; readonly patienceMs: number },
  key: string,
): Promise<Place> {
  // BullMQ takes longer to load than everything else here: only for those who want a queue.
  const { SweepQueue } = await import('../platform/node/queue.js');
  const say = (notice: string): void => console.error(`waferflow: ${notice}`);
  const queue = await SweepQueue.open({ url, patienceMs, say }, signal);
  return {
    run: (jobs, done) => (jobs.length === 0 ? Promise.resolve() : queue.run(key, inputs, jobs, done, signal)),
    close: () => queue.close(),
  };
}
