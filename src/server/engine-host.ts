/** Keeps an engine loaded: loads it in the background, and again when it breaks. */
import { messageOf } from '../core/errors.js';
import type { Engine, LoadProgress } from '../runtime/types.js';
import { unavailable } from './errors.js';
import type { Log } from './log.js';

export type EngineState =
  | { readonly kind: 'loading'; readonly progress: LoadProgress; readonly reason: string | null }
  | { readonly kind: 'ready'; readonly engine: Engine }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'closed' };

export type EngineLoader = (
  onProgress: (progress: LoadProgress) => void,
  signal: AbortSignal,
) => Promise<Engine>;

/** Waits before the first, second, ... load after a failure; the last one repeats. */
const RELOAD_DELAYS_MS = [0, 1000, 5000, 30_000] as const;
/** An engine that ran so long has made good for the failures before. */
const STABLE_MS = 60_000;

export class EngineHost {
  state: EngineState = { kind: 'loading', progress: { loadedBytes: 0, totalBytes: 0 }, reason: null };
  /** Settles with the first engine, or rejects when the first load fails. */
  readonly first: Promise<Engine>;
  /** How often an engine was loaded again after one broke. */
  reloads = 0;
  private readonly stop = new AbortController();
  private readonly load: EngineLoader;
  private readonly log: Log;
  private readonly running: Promise<void>;

  constructor(load: EngineLoader, log: Log) {
    this.load = load;
    this.log = log;
    const first = this.loadOnce(null);
    this.first = first;
    this.running = first.then(
      (engine) => this.watch(engine),
      () => undefined,
    );
  }

  /** The engine, if it can take work. Throws an ApiError otherwise. */
  require(): Engine {
    const { state } = this;
    switch (state.kind) {
      case 'ready':
        return state.engine;
      case 'loading':
        throw unavailable('model_loading', 'The model is being loaded; /health shows how far it is.', 1000);
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

  async close(): Promise<void> {
    this.stop.abort();
    const { state } = this;
    this.state = { kind: 'closed' };
    if (state.kind === 'ready') await state.engine.close();
    await this.running;
  }

  private async loadOnce(reason: string | null): Promise<Engine> {
    this.state = loading(reason);
    try {
      const engine = await this.load((progress) => {
        if (this.state.kind === 'loading') this.state = { kind: 'loading', progress, reason };
      }, this.stop.signal);
      if (this.stop.signal.aborted) {
        await engine.close();
        this.stop.signal.throwIfAborted();
      }
      this.state = { kind: 'ready', engine };
      return engine;
    } catch (error) {
      if (!this.stop.signal.aborted) this.state = { kind: 'failed', error };
      throw error;
    }
  }

  /** Loads a new engine whenever the present one breaks, until the host is closed. */
  private async watch(first: Engine): Promise<void> {
    let engine: Engine | null = first;
    let failures = 0;
    let readyMs = performance.now();
    while (engine !== null) {
      const error: Error | null = await engine.ended;
      if (error === null || this.stop.signal.aborted) return;
      this.log.error({ err: error }, 'the engine broke; loading it again');
      // At once, so that nobody takes what still closes for an engine.
      this.state = loading(messageOf(error));
      await engine.close().catch(() => undefined);
      if (performance.now() - readyMs > STABLE_MS) failures = 0;
      engine = null;
      while (engine === null && !this.stop.signal.aborted) {
        this.state = loading(messageOf(error));
        await this.pause(RELOAD_DELAYS_MS[Math.min(failures, RELOAD_DELAYS_MS.length - 1)]!);
        failures++;
        engine = await this.loadOnce(messageOf(error)).catch((again: unknown) => {
          if (!this.stop.signal.aborted) this.log.error({ err: again }, 'the engine could not be loaded');
          return null;
        });
      }
      this.reloads++;
      readyMs = performance.now();
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.stop.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.stop.signal.addEventListener('abort', done);
      if (this.stop.signal.aborted) done();
    });
  }
}

function loading(reason: string | null): EngineState {
  return { kind: 'loading', progress: { loadedBytes: 0, totalBytes: 0 }, reason };
}
