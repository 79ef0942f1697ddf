/** What every surface gets: the engine, who may do what, and where to report. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EngineHost } from './engine-host.js';
import { ApiError } from './errors.js';
import type { Admission } from './gate/admission.js';
import type { Caller, KeyRing } from './gate/keys.js';
import type { Lifecycle } from './gate/lifecycle.js';
import type { Memory } from './gate/memory.js';
import type { OriginPolicy } from './gate/origin.js';
import type { RateLimits } from './gate/rates.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { SocketLimits } from './socket/limits.js';

/** The name by which clients know the model that is served. */
export interface ServedModel {
  readonly id: string;
  readonly aliases: readonly string[];
  /** Whether it answers to every name, for clients that are bound to one. */
  readonly takesAnyName: boolean;
  /** Unix time in seconds. */
  readonly created: number;
}

export interface ServerLimits {
  readonly bodyBytes: number;
  /** Of the bodies of all requests under way, as their clients announce them. */
  readonly memoryBytes: number;
  /** A client that takes nothing for so long while something waits to be sent is cut off. */
  readonly stallMs: number;
  /** Silence after which a stream carries a comment. */
  readonly pingMs: number;
  /** Of WebSockets, where they are not the usual ones. */
  readonly sockets?: Partial<SocketLimits>;
}

/** What every request has to pass, upgrades too: its page, its name of the server, its key. Throws an ApiError. */
export function admitCaller({ origins, keys }: ServerContext, headers: IncomingHttpHeaders): Caller {
  origins.check(headers);
  return keys.authenticate(headers);
}

/** Takes an upgrade that passed the checks of key and origin. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller) => void;

export interface Route {
  readonly method: string;
  readonly url: string;
}

export interface ServerContext {
  readonly host: EngineHost;
  readonly model: ServedModel;
  readonly keys: KeyRing;
  readonly admission: Admission;
  readonly rates: RateLimits;
  readonly memory: Memory;
  readonly origins: OriginPolicy;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly limits: ServerLimits;
  readonly log: Log;
  /** Every route there is, as they are registered. */
  readonly routes: Route[];
  /** Handlers of upgrades by path, e.g. `/v1/responses`. Surfaces register theirs here. */
  readonly upgrades: Map<string, UpgradeHandler>;
}

/**
 * The name that an answer carries: the one that was asked for. Throws an ApiError with status 404 unless it, if given, is
 * one of the model that is served.
 */
export function requireModel({ model }: ServerContext, name: string | null | undefined): string {
  if (name === undefined || name === null || name === '') return model.id;
  const names = [model.id, ...model.aliases];
  // Ollama's names may end in a tag; `latest` goes without saying.
  if (model.takesAnyName || names.includes(name) || names.includes(name.replace(/:latest$/, ''))) return name;
  throw new ApiError({
    status: 404,
    type: 'invalid_request_error',
    code: 'model_not_found',
    message: `The model ${JSON.stringify(name.slice(0, 100))} is not served here; ${JSON.stringify(model.id)} is.`,
    param: 'model',
  });
}
