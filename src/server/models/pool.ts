/**
 * Which models are loaded. One that is wanted is loaded when there is room, for which the one that was used longest ago
 * goes; one with requests under way never goes, and takes no new ones while another model waits for its room, so that
 * each has its turn. Loads come one after the other, in the order in which they were asked for.
 */
import { messageOf, WaferflowError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { ApiError, modelNotFound, unavailable } from '../errors.js';
import type { Log } from '../log.js';
import { reclaim } from './reclaim.js';
import type { Served } from './served.js';

export interface PoolLimits {
  /** Models that are loaded at once. */
  readonly maxLoaded: number;
  /** Of all loaded models together. */
  readonly memoryBytes: number;
  /** Requests that wait for models. */
  readonly maxWaiting: number;
  /** One owner may have one of so many parts of those places; default 1. */
  readonly parts?: number;
  /** A model stays so long without a request; infinite for ever. */
  readonly keepAliveMs: number;
}

interface Waiter {
  readonly served: Served;
  readonly owner: string;
  readonly grant: () => void;
  readonly refuse: (error: unknown) => void;
}

/** How often a file is looked at, at most. */
const CHECK_MS = 1000;
/** So long a model is waited for that is of help but not needed. */
const HELP_MS = 30_000;
/** A timer of Node fires at once beyond this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class ModelPool {
  readonly limits: PoolLimits;
  loads = 0;
  unloads = 0;
  private readonly log: Log;
  private readonly all: readonly Served[];
  private waiters: Waiter[] = [];
  private bringing: Promise<void> | null = null;
  private wake: () => void = () => undefined;
  private isClosed: boolean = false;

  constructor(all: readonly Served[], limits: PoolLimits, log: Log) {
    this.all = all;
    this.limits = limits;
    this.log = log;
  }

  /** Requests that wait for a model to be loaded. */
  waiting(served?: Served): number {
    return served === undefined
      ? this.waiters.length
      : this.waiters.filter((waiter) => waiter.served === served).length;
  }

  get loadedBytes(): number {
    return this.all.reduce((sum, one) => sum + (isLoaded(one) ? one.memoryBytes : 0), 0);
  }

  /**
   * Takes a model for a request, until the function that is returned is called. Waits while it is being brought in;
   * rejects with an ApiError where that cannot be, and with the signal's reason.
   */
  async use(served: Served, signal?: AbortSignal, owner = ''): Promise<() => void> {
    if (await this.hasChanged(served)) {
      this.log.warn({ model: served.options.id }, 'the file has changed; loading it again');
      await this.unload(served);
    }
    if (!this.mustWait(served)) return this.taken(served);
    const { maxWaiting, parts = 1 } = this.limits;
    const own = this.waiters.filter((one) => one.owner === owner).length;
    if (this.waiters.length >= maxWaiting || own * parts >= maxWaiting) {
      const message = `${this.waiters.length} requests wait for models to be loaded, ${own} of them of this key. Try again soon.`;
      throw unavailable('server_is_overloaded', message, 5000);
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.waiters = this.waiters.filter((one) => one !== waiter);
        signal?.removeEventListener('abort', onAbort);
        this.wake();
      };
      const onAbort = (): void => waiter.refuse(signal?.reason);
      const waiter: Waiter = {
        served,
        owner,
        grant: () => {
          leave();
          served.users++;
          resolve();
        },
        refuse: (error) => {
          leave();
          reject(error instanceof Error ? error : new Error(messageOf(error)));
        },
      };
      this.waiters.push(waiter);
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted) onAbort();
      else this.pump();
    });
    served.users--;
    return this.taken(served);
  }

  /** As `use`, where it neither waits behind others nor has any model with requests go; else null, as when it fails. */
  async useIfRoom(served: Served, signal?: AbortSignal, owner = ''): Promise<(() => void) | null> {
    if (!this.mustWait(served)) return served.host.state.kind === 'ready' ? this.taken(served) : null;
    const busy = this.all.filter((one) => one !== served && isLoaded(one) && one.users > 0);
    const held = busy.reduce((sum, one) => sum + one.memoryBytes, 0);
    const wanted = (await served.options.memory?.().catch(() => Number.POSITIVE_INFINITY)) ?? 0;
    const hasRoom = busy.length < this.limits.maxLoaded && held + wanted <= this.limits.memoryBytes;
    if (!hasRoom || this.waiters.length > 0 || this.bringing !== null) return null;
    const patience = AbortSignal.timeout(HELP_MS);
    const stop = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    return await this.use(served, stop, owner).catch(() => null);
  }

  /** Loads it for nobody, as at the start of the server; nobody waits for it meanwhile. Rejects where it cannot be loaded. */
  async start(served: Served): Promise<void> {
    served.version = (await served.options.version?.()) ?? null;
    served.memoryBytes = (await served.options.memory?.()) ?? 0;
    this.requireFit(served);
    served.keepAliveMs = this.limits.keepAliveMs;
    this.loads++;
    served.users++;
    try {
      await served.host.load();
    } finally {
      served.users--;
      this.release(served);
    }
  }

  /** Unloads it as soon as nobody uses it. */
  async unload(served: Served): Promise<void> {
    if (served.users > 0) {
      served.keepAliveMs = 0;
      return;
    }
    this.clearTimer(served);
    if (served.host.state.kind === 'unloaded' || this.isClosed) return;
    this.unloads++;
    const { state } = served.host;
    const engine = state.kind === 'ready' ? new WeakRef<object>(state.engine) : null;
    await served.host.unload();
    if (engine !== null) reclaim(engine);
    this.pump();
  }

  /** How long it stays without requests, from now on: milliseconds, infinite for ever. */
  keep(served: Served, keepAliveMs: number): void {
    served.keepAliveMs = keepAliveMs;
    if (served.users === 0 && isLoaded(served)) this.rest(served);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const served of this.all) this.clearTimer(served);
    const gone = unavailable('server_shutting_down', 'The server is shutting down.', 5000);
    for (const waiter of [...this.waiters]) waiter.refuse(gone);
    await Promise.all(this.all.map(({ host }) => host.close()));
    await this.bringing;
  }

  /** One that is loaded at the start, or again after it broke, is not waited for: its host says what to do. */
  private mustWait(served: Served): boolean {
    const { kind } = served.host.state;
    if (kind === 'ready') return served.isRetiring;
    return kind === 'unloaded' || kind === 'failed' || this.waiting(served) > 0;
  }

  private taken(served: Served): () => void {
    served.host.require();
    served.users++;
    this.clearTimer(served);
    served.expiresMs = null;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      served.users--;
      this.release(served);
    };
  }

  private release(served: Served): void {
    served.lastUsedMs = performance.now();
    if (served.users === 0) this.rest(served);
    this.wake();
  }

  /** Nobody uses it: it goes when its time is over. */
  private rest(served: Served): void {
    this.clearTimer(served);
    const { keepAliveMs } = served;
    if (!Number.isFinite(keepAliveMs) || this.isClosed) return;
    served.expiresMs = Date.now() + keepAliveMs;
    served.timer = setTimeout(
      () => {
        this.unload(served).catch((error: unknown) => this.log.error({ err: error }, 'unload failed'));
      },
      Math.min(keepAliveMs, LONGEST_TIMER_MS),
    );
    served.timer.unref();
  }

  private clearTimer(served: Served): void {
    if (served.timer !== null) clearTimeout(served.timer);
    served.timer = null;
    served.expiresMs = null;
  }

  private async hasChanged(served: Served): Promise<boolean> {
    const { version } = served.options;
    if (!version || served.users > 0 || served.host.state.kind !== 'ready') return false;
    const now = performance.now();
    if (now - served.checkedMs < CHECK_MS) return false;
    served.checkedMs = now;
    const found = await version();
    // What is gone is still in memory, and serves until it is unloaded.
    return found !== null && found !== served.version && served.users === 0;
  }

  /** Brings models in for those who wait, one at a time. */
  private pump(): void {
    for (const waiter of [...this.waiters])
      if (waiter.served.host.state.kind === 'ready' && !waiter.served.isRetiring) waiter.grant();
    const [first] = this.waiters;
    if (this.bringing !== null || first === undefined || this.isClosed) return;
    const { served } = first;
    this.bringing = this.bringIn(served)
      .catch((thrown: unknown) => {
        this.log.error({ err: thrown, model: served.options.id }, 'the model could not be loaded');
        const error = loadError(served.options.id, thrown);
        for (const waiter of [...this.waiters]) if (waiter.served === served) waiter.refuse(error);
      })
      .then(() => {
        this.bringing = null;
        for (const one of this.all) one.isRetiring = false;
        this.pump();
        if (served.users === 0 && isLoaded(served)) this.rest(served);
      });
  }

  private async bringIn(served: Served): Promise<void> {
    const { options, host } = served;
    const version = (await options.version?.()) ?? null;
    served.memoryBytes = (await options.memory?.()) ?? 0;
    this.requireFit(served);
    for (let victim = this.victim(served); victim !== null; victim = this.victim(served)) {
      if (this.waiting(served) === 0) return;
      if (victim.users === 0) await this.unload(victim);
      else {
        victim.isRetiring = true;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
    if (this.waiting(served) === 0) return;
    served.version = version;
    served.checkedMs = performance.now();
    served.keepAliveMs = this.limits.keepAliveMs;
    this.loads++;
    await host.load();
    if (((await options.version?.()) ?? null) !== version) {
      await host.unload();
      throw new Error('its file was changed while it was read');
    }
  }

  /** What has to go before it has room: of those in nobody's use the one that was used longest ago, else of all. */
  private victim(wanting: Served): Served | null {
    const loaded = this.all.filter((one) => one !== wanting && isLoaded(one));
    const bytes = loaded.reduce((sum, one) => sum + one.memoryBytes, wanting.memoryBytes);
    if (loaded.length < this.limits.maxLoaded && bytes <= this.limits.memoryBytes) return null;
    const idle = loaded.filter(({ users }) => users === 0);
    return (idle.length > 0 ? idle : loaded).reduce((oldest, one) =>
      one.lastUsedMs < oldest.lastUsedMs ? one : oldest,
    );
  }

  private requireFit({ memoryBytes, options }: Served): void {
    const { memoryBytes: most } = this.limits;
    if (memoryBytes <= most) return;
    throw new ApiError({
      status: 500,
      type: 'server_error',
      code: 'model_does_not_fit',
      message: `The model ${options.id} requires more memory (${formatBytes(memoryBytes)}) than models may take here (${formatBytes(most)}).`,
      // Nothing changes by asking again.
      headers: { 'x-should-retry': 'false' },
    });
  }
}

export function isLoaded({ host: { state } }: Served): boolean {
  return state.kind === 'ready' || state.kind === 'loading';
}

/** Why a model could not be loaded, without the places of files: the next request tries again. */
function loadError(id: string, thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const isGone = thrown instanceof WaferflowError && thrown.facts.given === 'no such file';
  if (isGone)
    return modelNotFound(`The file of the model ${id} is gone: put it back, or choose another model.`);
  const why =
    thrown instanceof WaferflowError
      ? `${thrown.facts.given}, not ${thrown.facts.expected}`
      : messageOf(thrown);
  const message = `The model ${id} could not be loaded: ${why}. The log of the server has more.`;
  return new ApiError(
    { status: 500, type: 'server_error', code: 'model_load_failed', message },
    { cause: thrown },
  );
}
