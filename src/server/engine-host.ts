/** Keeps an engine loaded for as long as it is wanted: loads it in the background, and again when it breaks. */
import { messageOf } from '../core/errors.js';
import type { Engine, LoadProgress } from '../runtime/types.js';
import { unavailable } from './errors.js';
import type { Log } from './log.js';

export type EngineState =
  | { readonly kind: 'loading'; readonly progress: LoadProgress; readonly reason: string | null }
  | { readonly kind: 'ready'; readonly engine: Engine }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'unloaded' }
  | { readonly kind: 'closed' };

export type EngineLoader = (
  onProgress: (progress: LoadProgress) => void,
  signal: AbortSignal,
) => Promise<Engine>;

/** The engine of a model for those who work with it, whatever becomes of it. */
export interface EngineSource {
  readonly state: EngineState;
  /** How often an engine was loaded again after one broke. */
  readonly reloads: number;
  /** The engine, if it can take work. Throws an ApiError otherwise. */
  require(): Engine;
}

/** Waits before the first, second, ... load after a failure; the last one repeats. */
const RELOAD_DELAYS_MS = [0, 1000, 5000, 30_000] as const;
/** An engine that ran so long has made good for the failures before. */
const STABLE_MS = 60_000;

/** From a load to the unload, whatever breaks meanwhile. */
interface Run {
  readonly stop: AbortController;
  readonly first: Promise<Engine>;
  /** Settles when nothing of it is left. */
  readonly over: Promise<void>;
}

export class EngineHost implements EngineSource {
  state: EngineState = { kind: 'unloaded' };
  reloads = 0;
  private run: Run | null = null;
  private readonly loader: EngineLoader;
  private readonly log: Log;

  constructor(load: EngineLoader, log: Log) {
    this.loader = load;
    this.log = log;
  }

  /** Settles with the first engine of this load, the one under way if there is one; rejects when it cannot be loaded. */
  load(): Promise<Engine> {
    if (this.run !== null) return this.run.first;
    const stop = new AbortController();
    const first = this.loadOnce(null, stop.signal);
    const over = first.then(
      (engine) => this.watch(engine, stop.signal),
      () => {
        // The next call tries again.
        if (this.run?.stop === stop) this.run = null;
      },
    );
    this.run = { stop, first, over };
    return first;
  }

  require(): Engine {
    const { state } = this;
    switch (state.kind) {
      case 'ready':
        return state.engine;
      case 'loading':
        throw unavailable('model_loading', 'The model is being loaded; /health shows how far it is.', 1000);
      case 'unloaded':
        throw unavailable('model_unloaded', 'The model is not loaded: ask again, by its name.', 1000);
      case 'failed':
        throw unavailable(
          'model_failed',
          'The model could not be loaded; see the log of the server.',
          30_000,
        );
      case 'closed':
        throw unavailable('server_shutting_down', 'The server is shutting down.', 5000);
      default:
        return state satisfies never;
    }
  }

  /** Ends the engine, or the load under way; settles when its workers have ended. */
  async unload(): Promise<void> {
    const { run, state } = this;
    this.run = null;
    if (this.state.kind !== 'closed') this.state = { kind: 'unloaded' };
    run?.stop.abort();
    if (state.kind === 'ready') await state.engine.close();
    await run?.over;
  }

  async close(): Promise<void> {
    const unloaded = this.unload();
    this.state = { kind: 'closed' };
    await unloaded;
  }

  private async loadOnce(reason: string | null, stop: AbortSignal): Promise<Engine> {
    this.state = loading(reason);
    try {
      const engine = await this.loader((progress) => {
        if (this.state.kind === 'loading' && !stop.aborted)
          this.state = { kind: 'loading', progress, reason };
      }, stop);
      if (stop.aborted) {
        await engine.close();
        stop.throwIfAborted();
      }
      this.state = { kind: 'ready', engine };
      return engine;
    } catch (error) {
      if (!stop.aborted) this.state = { kind: 'failed', error };
      throw error;
    }
  }

  /** Loads a new engine whenever the present one breaks, until the host is closed. */
  private async watch(first: Engine, stop: AbortSignal): Promise<void> {
    let engine: Engine | null = first;
    let failures = 0;
    let readyMs = performance.now();
    while (engine !== null) {
      const error: Error | null = await engine.ended;
      if (error === null || stop.aborted) return;
      this.log.error({ err: error }, 'the engine broke; loading it again');
      // At once, so that nobody takes what still closes for an engine.
      this.state = loading(messageOf(error));
      await engine.close().catch(() => undefined);
      if (performance.now() - readyMs > STABLE_MS) failures = 0;
      engine = null;
      while (engine === null && !stop.aborted) {
        this.state = loading(messageOf(error));
        await pause(RELOAD_DELAYS_MS[Math.min(failures, RELOAD_DELAYS_MS.length - 1)]!, stop);
        if (stop.aborted) return;
        failures++;
        engine = await this.loadOnce(messageOf(error), stop).catch((again: unknown) => {
          if (!stop.aborted) this.log.error({ err: again }, 'the engine could not be loaded');
          return null;
        });
      }
      if (stop.aborted) return;
      this.reloads++;
      readyMs = performance.now();
    }
  }
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done);
    if (stop.aborted) done();
  });
}

function loading(reason: string | null): EngineState {
  return { kind: 'loading', progress: { loadedBytes: 0, totalBytes: 0 }, reason };
}
