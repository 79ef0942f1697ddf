/** Sends a workload: each request at its time (open loop), or the next one when one has ended (closed loop). */
import { EngineError } from '../core/errors.js';
import { type Asked, Recorder } from './recorder.js';
import type { Goals, LoadLine, LoadRequest, LoadResult, LoadTarget, LoadUsage, OpenLine } from './types.js';
import type { PlannedRequest } from './workload.js';

export interface LoadOptions extends Asked {
  readonly target: LoadTarget;
  readonly openLine: OpenLine;
  readonly workload: Iterable<PlannedRequest>;
  readonly goals: Goals;
  /** Sent one after another before the clock starts. */
  readonly warmUp: readonly LoadRequest[];
  readonly onProgress?: (finished: number) => void;
  readonly signal?: AbortSignal;
}

/** Rejects with an EngineError when the server cannot be reached, and with the signal's reason. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { concurrency, signal = new AbortController().signal } = options;
  const lines = new Lines(options.target, options.openLine, signal);
  const recorder = new Recorder(options.goals);
  try {
    await warmUp(lines, options.warmUp, signal);
    recorder.start();
    const startMs = performance.now();
    const underWay = new Set<Promise<void>>();
    for (const { atMs, ...request } of options.workload) {
      if (atMs !== null) await pause(startMs + atMs - performance.now(), signal);
      while (underWay.size >= (concurrency ?? Number.POSITIVE_INFINITY)) await Promise.race(underWay);
      signal.throwIfAborted();
      const done = recorder
        .record(atMs, (onText) => lines.ask(request, onText))
        .then(() => {
          underWay.delete(done);
          options.onProgress?.(recorder.finished);
        });
      underWay.add(done);
    }
    await Promise.all(underWay);
    signal.throwIfAborted();
    return recorder.result(options);
  } finally {
    lines.close();
  }
}

async function warmUp(lines: Lines, requests: readonly LoadRequest[], signal: AbortSignal): Promise<void> {
  for (const request of requests) {
    try {
      await lines.ask(request, () => undefined);
    } catch (cause) {
      signal.throwIfAborted();
      throw new EngineError(
        {
          what: 'warm-up request',
          given: cause instanceof Error ? cause.message : String(cause),
          expected: 'an answer',
          todo: 'Check the address, the key and the server.',
        },
        { cause },
      );
    }
  }
}

/** Lines that are free are used again, so that connections persist. */
class Lines {
  private readonly free: LoadLine[] = [];
  private readonly all = new Set<LoadLine>();
  private readonly target: LoadTarget;
  private readonly open: OpenLine;
  private readonly signal: AbortSignal;
  /** Of the requests under way: each has its own, since a signal with thousands of listeners is slow. */
  private readonly underWay = new Set<AbortController>();

  constructor(target: LoadTarget, open: OpenLine, signal: AbortSignal) {
    this.target = target;
    this.open = open;
    this.signal = signal;
    signal.addEventListener('abort', this.abort);
  }

  async ask(request: LoadRequest, onText: () => void): Promise<LoadUsage> {
    this.signal.throwIfAborted();
    const controller = new AbortController();
    this.underWay.add(controller);
    try {
      return await this.askOn(request, onText, controller.signal);
    } finally {
      this.underWay.delete(controller);
    }
  }

  private async askOn(request: LoadRequest, onText: () => void, signal: AbortSignal): Promise<LoadUsage> {
    let line = this.free.pop();
    if (line === undefined) {
      line = await this.open(this.target);
      this.all.add(line);
    }
    try {
      const usage = await line.ask(request, onText, signal);
      this.free.push(line);
      return usage;
    } catch (error) {
      // It may be in the middle of an answer.
      this.all.delete(line);
      line.close();
      throw error;
    }
  }

  close(): void {
    this.signal.removeEventListener('abort', this.abort);
    for (const line of this.all) line.close();
  }

  private readonly abort = (): void => {
    for (const controller of this.underWay) controller.abort(this.signal.reason);
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
  signal.throwIfAborted();
}
