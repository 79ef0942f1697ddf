/**
 * BullMQ, wrapped: the jobs of a sweep on Redis, for workers on any machine. A job that a worker does not finish,
 * because it was killed or lost, goes back to the queue; a result is taken once. When Redis is gone, both ends wait
 * and go on when it is back, and what it has forgotten is queued again.
 */
import { type ConnectionOptions, Job, Queue, QueueEvents, UnrecoverableError, Worker } from 'bullmq';
import { EngineError, messageOf, OptionError, WaferflowError } from '../../core/errors.js';
import { refusal } from './sweep-pool.js';

const QUEUE = 'waferflow-sweep';
/** A worker that is silent for so long is taken for dead. */
const LOCK_MS = 6000;
const LOOK_MS = 1000;
const RECONNECT_MS = 500;
const KEEP_SECONDS = 24 * 3600;

interface JobData {
  readonly key: string;
  readonly job: string;
}

export interface QueueOptions {
  readonly url: string;
  /** Notices for people: Redis gone or back, no workers. */
  readonly say: (notice: string) => void;
  /** How long to wait for Redis before giving up. */
  readonly patienceMs: number;
}

/** `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS. */
function connectionOf(url: string): ConnectionOptions {
  let parsed: URL;
  try {
    parsed = new URL(url);
    if (!['redis:', 'rediss:'].includes(parsed.protocol)) throw new Error('another protocol');
  } catch {
    throw new OptionError({
      what: '--queue',
      given: JSON.stringify(url),
      expected: 'a URL such as redis://localhost:6379',
      todo: 'Pass the URL of a Redis server.',
    });
  }
  const database = parsed.pathname.slice(1);
  return {
    host: parsed.hostname || 'localhost',
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    ...(parsed.username && { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password && { password: decodeURIComponent(parsed.password) }),
    ...(database && { db: Number(database) }),
    ...(parsed.protocol === 'rediss:' && { tls: {} }),
    maxRetriesPerRequest: null,
    retryStrategy: () => RECONNECT_MS,
  };
}

/** Says once when Redis is gone and once when it is back; rejects when it stays away. */
class Patience {
  readonly exhausted: Promise<never>;
  private readonly options: QueueOptions;
  private timer: NodeJS.Timeout | null = null;
  private reject: (error: EngineError) => void = () => undefined;

  constructor(options: QueueOptions) {
    this.options = options;
    this.exhausted = new Promise((_, reject) => {
      this.reject = reject;
    });
    this.exhausted.catch(() => undefined);
  }

  gone(why: string): void {
    if (this.timer) return;
    const { url, say, patienceMs } = this.options;
    const shown = withoutPassword(url);
    const seconds = Math.round(patienceMs / 1e3);
    say(`Redis at ${shown} does not answer (${why}): waiting for up to ${seconds} s, Ctrl-C ends.`);
    this.timer = setTimeout(() => {
      this.reject(
        new EngineError({
          what: `Redis at ${shown}`,
          given: `no answer for ${seconds} s`,
          expected: 'a Redis server',
          todo: 'Start it and run the command again; finished jobs are kept there, and in the --resume file.',
        }),
      );
    }, patienceMs);
  }

  back(): void {
    if (!this.timer) return;
    this.stop();
    this.options.say('Redis is back: going on.');
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

/** Offers jobs to workers and collects their results. */
export class SweepQueue {
  private readonly options: QueueOptions;
  private readonly patience: Patience;
  private readonly queue: Queue<JobData, string>;
  private readonly events: QueueEvents;

  constructor(options: QueueOptions) {
    const connection = connectionOf(options.url);
    this.options = options;
    this.patience = new Patience(options);
    this.queue = new Queue(QUEUE, { connection });
    this.events = new QueueEvents(QUEUE, { connection });
    this.queue.on('error', (error) => this.patience.gone(messageOf(error)));
    this.events.on('error', (error) => this.patience.gone(messageOf(error)));
  }

  /** Runs jobs on the workers; `done` hears each result once, in any order. */
  async run(
    key: string,
    inputs: string,
    jobs: readonly { readonly index: number; readonly job: string }[],
    done: (index: number, result: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const open = new Map(jobs.map(({ index, job }) => [index, job]));
    const idOf = (index: number): string => `${key}-${index}`;
    let wake: () => void = () => undefined;
    this.events.on('completed', () => wake());
    this.events.on('failed', () => wake());
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    aborted.catch(() => undefined);
    const orStop = <T>(work: Promise<T>): Promise<T> =>
      Promise.race([work, this.patience.exhausted, aborted]);
    let saidNoWorkers = false;
    while (open.size > 0) {
      signal.throwIfAborted();
      await orStop(this.offer(key, inputs, open, idOf));
      this.patience.back();
      for (const [index] of open) {
        const job = await orStop(Job.fromId<JobData, string>(this.queue, idOf(index)));
        if (!job?.finishedOn) continue;
        if (job.failedReason) throw refusal(job.failedReason);
        open.delete(index);
        done(index, job.returnvalue);
      }
      if (open.size === 0) break;
      const workers = saidNoWorkers ? 1 : await orStop(this.queue.getWorkersCount());
      if (workers === 0) {
        saidNoWorkers = true;
        this.options.say(
          `No worker is there yet: start some with waferflow worker --queue ${withoutPassword(this.options.url)}`,
        );
      }
      const next = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      await orStop(next);
    }
    await orStop(Promise.all(jobs.map(({ index }) => this.queue.remove(idOf(index)))));
  }

  /** Queues what is not queued: at first everything, later what a restarted Redis has forgotten. */
  private async offer(
    key: string,
    inputs: string,
    open: ReadonlyMap<number, string>,
    idOf: (index: number) => string,
  ): Promise<void> {
    const client = await this.queue.client;
    await client.set(inputsKey(key), inputs, { EX: KEEP_SECONDS });
    const jobs = [...open].map(([index, job]) => ({
      name: 'job',
      data: { key, job },
      // A job that is there already keeps its state: the id tells.
      opts: {
        jobId: idOf(index),
        attempts: 10,
        backoff: { type: 'fixed', delay: LOOK_MS },
        removeOnComplete: { age: KEEP_SECONDS },
        removeOnFail: { age: KEEP_SECONDS },
      },
    }));
    await this.queue.addBulk(jobs);
  }

  async close(): Promise<void> {
    this.patience.stop();
    await Promise.all([shut(this.queue), shut(this.events)]);
  }
}

function inputsKey(key: string): string {
  return `waferflow:inputs:${key}`;
}

/** Closes an end of the queue, also when Redis is away. */
async function shut(end: { close(): Promise<void>; disconnect(): Promise<void> }): Promise<void> {
  const tooLong = new Promise<'late'>((resolve) => {
    setTimeout(() => resolve('late'), 2 * RECONNECT_MS).unref();
  });
  const outcome = await Promise.race([end.close().catch(() => 'late' as const), tooLong]);
  if (outcome === 'late') await end.disconnect().catch(() => undefined);
}

/** Takes jobs until the signal; `run` does one and must not block this thread, or the job counts as lost. */
export async function workOnQueue(
  options: QueueOptions,
  concurrency: number,
  run: (key: string, inputs: string, job: string) => Promise<string>,
  finished: (id: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const patience = new Patience(options);
  const connection = connectionOf(options.url);
  const store = new Queue(QUEUE, { connection });
  const inputs = new Map<string, string>();
  const worker = new Worker<JobData, string>(
    QUEUE,
    async ({ data: { key, job } }) => {
      let known = inputs.get(key);
      if (known === undefined) {
        const client = await store.client;
        known = (await client.get(inputsKey(key))) ?? undefined;
        if (known === undefined) throw new Error('the inputs of this sweep are not on Redis');
        inputs.clear();
        inputs.set(key, known);
      }
      try {
        return await run(key, known, job);
      } catch (error) {
        // A model that does not fit will not fit at the next attempt either.
        throw error instanceof WaferflowError ? new UnrecoverableError(error.message) : error;
      }
    },
    {
      connection,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS / 2,
      maxStalledCount: 1000,
    },
  );
  worker.on('completed', ({ id }) => finished(id ?? ''));
  worker.on('ready', () => patience.back());
  worker.on('error', (error) => patience.gone(messageOf(error)));
  store.on('error', (error) => patience.gone(messageOf(error)));
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([aborted, patience.exhausted]);
  } finally {
    patience.stop();
    await Promise.all([shut(worker), shut(store)]);
  }
}
