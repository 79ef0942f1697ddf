/**
 * BullMQ, wrapped: the jobs of a sweep on Redis, for workers on any machine. A job that a worker does not finish,
 * because it was killed or lost, goes back to the queue; a result is taken once. When Redis is gone, both ends wait
 * and go on when it is back, and what it has forgotten is queued again.
 */
import { connect } from 'node:net';
import { type ConnectionOptions, Job, Queue, QueueEvents, UnrecoverableError, Worker } from 'bullmq';
import { EngineError, messageOf, OptionError, WaferflowError } from '../../core/errors.js';
import { refusal } from './sweep-pool.js';

const QUEUE = 'waferflow-sweep';
/** A worker that is silent for so long is taken for dead. */
const LOCK_MS = 6000;
const LOOK_MS = 1000;
const RECONNECT_MS = 500;
const CONNECT_MS = 5000;
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

type RedisOptions = ConnectionOptions & { readonly host: string; readonly port: number };

/** `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS. */
function connectionOf(url: string, patience: Patience): RedisOptions {
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
    // Null lets a connection end, and with the last one the process.
    retryStrategy: () => (patience.isOver ? null : RECONNECT_MS),
  };
}

/** Says once when Redis is gone and once when it is back; rejects when it stays away. */
class Patience {
  readonly exhausted: Promise<never>;
  isOver: boolean;
  private readonly options: QueueOptions;
  private timer: NodeJS.Timeout | null = null;
  private reject: (error: EngineError) => void = () => undefined;

  constructor(options: QueueOptions) {
    this.options = options;
    this.isOver = false;
    this.exhausted = new Promise((_, reject) => {
      this.reject = reject;
    });
    this.exhausted.catch(() => undefined);
  }

  gone(why: string): void {
    if (this.timer || this.isOver) return;
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
    this.clear();
    this.options.say('Redis is back: going on.');
  }

  /** From now on nobody waits any more. */
  end(): void {
    this.isOver = true;
    this.clear();
  }

  private clear(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

/** Waits until something listens: BullMQ's objects cannot be closed before they have once been connected. */
async function reach({ host, port }: RedisOptions, patience: Patience, signal: AbortSignal): Promise<void> {
  const stop = aborted(signal);
  try {
    for (;;) {
      signal.throwIfAborted();
      const refused = await attempt(host, port);
      if (refused === null) break;
      patience.gone(refused);
      await Promise.race([pause(RECONNECT_MS), patience.exhausted, stop]);
    }
    patience.back();
  } catch (error) {
    patience.end();
    throw error;
  }
}

/** Null when a connection can be made, otherwise why not. */
function attempt(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (why: string | null): void => {
      socket.destroy();
      resolve(why);
    };
    socket.setTimeout(CONNECT_MS, () => end(`no connection within ${CONNECT_MS / 1e3} s`));
    socket.on('connect', () => end(null));
    socket.on('error', (error) => end(error.message));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  promise.catch(() => undefined);
  return promise;
}

/** Offers jobs to workers and collects their results. */
export class SweepQueue {
  private readonly options: QueueOptions;
  private readonly patience: Patience;
  private readonly queue: Queue<JobData, string>;
  private readonly events: QueueEvents;

  private constructor(options: QueueOptions, patience: Patience, connection: RedisOptions) {
    this.options = options;
    this.patience = patience;
    this.queue = new Queue(QUEUE, { connection });
    this.events = new QueueEvents(QUEUE, { connection });
    this.queue.on('error', (error) => this.patience.gone(messageOf(error)));
    this.events.on('error', (error) => this.patience.gone(messageOf(error)));
  }

  /** Waits until Redis is there; errors as `workOnQueue`. */
  static async open(options: QueueOptions, signal: AbortSignal): Promise<SweepQueue> {
    const patience = new Patience(options);
    const connection = connectionOf(options.url, patience);
    await reach(connection, patience, signal);
    return new SweepQueue(options, patience, connection);
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
    const stop = aborted(signal);
    const orStop = <T>(work: Promise<T>): Promise<T> => Promise.race([work, this.patience.exhausted, stop]);
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
    this.patience.end();
    await Promise.all([shut(this.queue), shut(this.events)]);
  }
}

function inputsKey(key: string): string {
  return `waferflow:inputs:${key}`;
}

/** Closes an end of the queue; when Redis is away, its connections end by themselves. */
async function shut(end: { close(): Promise<void>; disconnect(): Promise<void> }): Promise<void> {
  const tooLong = new Promise<'late'>((resolve) => {
    setTimeout(() => resolve('late'), 2 * RECONNECT_MS);
  });
  const outcome = await Promise.race([end.close().catch(() => 'late' as const), tooLong]);
  if (outcome === 'late') end.disconnect().catch(() => undefined);
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
  const connection = connectionOf(options.url, patience);
  await reach(connection, patience, signal);
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
  try {
    await Promise.race([aborted(signal), patience.exhausted]);
  } finally {
    patience.end();
    await Promise.all([shut(worker), shut(store)]);
  }
}
