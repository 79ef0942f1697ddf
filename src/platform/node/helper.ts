/** A thread that does one thing after the other, each within a time, and for all who wait in turn. */
import { Worker } from 'node:worker_threads';
import { unpackError } from '../../runtime/failure.js';
import type { HelperAnswer } from './helper-answer.js';

export interface HelperSettings {
  readonly name: string;
  /** The module that the thread runs, which calls `answer`. */
  readonly entry: URL;
  /** Given to each thread when it starts. */
  readonly data?: unknown;
  /** What takes longer ends the thread. */
  readonly mostMs: number;
  readonly memoryMb: number;
  /** The error of what took too long or too much memory. */
  readonly tooMuch: (given: string, expected: string) => Error;
}

export interface Asked {
  /** Whose turn it is. */
  readonly owner?: string | undefined;
  /** Takes back what still waits. */
  readonly signal?: AbortSignal | undefined;
}

interface Task<Ask, Done> {
  readonly ask: Ask;
  resolve(done: Done): void;
  reject(reason: unknown): void;
}

/** A thread without work ends after so long. */
const idleMs = 10_000;

export class Helper<Ask, Done> {
  private readonly settings: HelperSettings;
  private thread: Worker | null = null;
  /** The owner that was served last comes last. */
  private readonly waiting = new Map<string, Task<Ask, Done>[]>();
  private isBusy: boolean = false;
  private idle: NodeJS.Timeout | undefined;

  constructor(settings: HelperSettings) {
    this.settings = settings;
  }

  get waitingCount(): number {
    let count = 0;
    for (const tasks of this.waiting.values()) count += tasks.length;
    return count;
  }

  /** Rejects with what the thread throws, with the error of `tooMuch`, or with the signal's reason. */
  ask(ask: Ask, { owner = '', signal }: Asked = {}): Promise<Done> {
    return new Promise<Done>((resolve, reject) => {
      signal?.throwIfAborted();
      const tasks = this.waiting.get(owner) ?? [];
      this.waiting.set(owner, tasks);
      const forget = (): void => {
        const at = tasks.indexOf(task);
        if (at < 0) return;
        tasks.splice(at, 1);
        reject(signal?.reason as Error);
      };
      const task: Task<Ask, Done> = {
        ask,
        resolve: (done) => {
          signal?.removeEventListener('abort', forget);
          resolve(done);
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', forget);
          reject(reason as Error);
        },
      };
      signal?.addEventListener('abort', forget);
      tasks.push(task);
      this.next();
    });
  }

  /** Ends the thread; what it is at is lost. */
  end(): void {
    clearTimeout(this.idle);
    this.thread?.terminate().catch(() => undefined);
    this.thread = null;
  }

  private next(): void {
    if (this.isBusy) return;
    for (const [owner, tasks] of this.waiting) {
      this.waiting.delete(owner);
      const task = tasks.shift();
      if (tasks.length > 0) this.waiting.set(owner, tasks);
      if (task === undefined) continue;
      this.run(task);
      return;
    }
  }

  private run({ ask, resolve, reject }: Task<Ask, Done>): void {
    const { mostMs, tooMuch } = this.settings;
    clearTimeout(this.idle);
    this.thread ??= this.start();
    const { thread } = this;
    thread.ref();
    this.isBusy = true;
    const settle = (): void => {
      clearTimeout(timer);
      thread.off('message', onMessage);
      thread.off('error', onError);
      thread.off('exit', onExit);
      thread.unref();
      this.isBusy = false;
      this.idle = setTimeout(() => this.end(), idleMs);
      this.idle.unref();
      this.next();
    };
    const lose = (given: string, expected: string): void => {
      this.end();
      reject(tooMuch(given, expected));
      settle();
    };
    const onMessage = (answer: HelperAnswer<Done>): void => {
      if ('done' in answer) resolve(answer.done);
      else reject(unpackError(answer.failure));
      settle();
    };
    const onError = ({ message }: Error): void =>
      lose(`one that breaks its helper (${message})`, 'a smaller one');
    const onExit = (): void => lose('a helper that was ended', 'one that goes on');
    const timer = setTimeout(() => lose('one that takes too long', `at most ${mostMs} ms`), mostMs);
    thread.on('message', onMessage);
    thread.on('error', onError);
    thread.on('exit', onExit);
    thread.postMessage(ask);
  }

  private start(): Worker {
    const { name, entry, data, memoryMb } = this.settings;
    const thread = new Worker(entry, {
      name,
      execArgv: [],
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    // One that runs out of memory while it is being ended has nobody else to tell.
    thread.on('error', () => undefined);
    return thread;
  }
}
