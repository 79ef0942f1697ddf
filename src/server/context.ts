/** What every surface gets: the engine, who may do what, and where to report. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EngineSource } from './engine-host.js';
import type { Admission } from './gate/admission.js';
import type { Caller, KeyRing } from './gate/keys.js';
import type { Lifecycle } from './gate/lifecycle.js';
import type { Memory } from './gate/memory.js';
import type { OriginPolicy } from './gate/origin.js';
import type { Rates } from './gate/rates.js';
import type { Turns } from './gate/turns.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { Models } from './models/models.js';
import type { ServedModel } from './models/served.js';
import type { Reasoning } from './road/completion.js';
import type { Shared } from './shared/shared.js';
import type { SocketLimits } from './socket/limits.js';

export interface ServerLimits {
  readonly bodyBytes: number;
  /** Of all that is held for clients: bodies, conversations, kept responses, what is not read yet. */
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
  /** Of the model that the request is for; outside of requests, of the first one. */
  readonly host: EngineSource;
  readonly model: ServedModel;
  /** Of its adapters the one that the request is for; null for none. */
  readonly adapter: string | null;
  /** All that are served. */
  readonly models: Models;
  readonly keys: KeyRing;
  readonly admission: Admission;
  readonly rates: Rates;
  /** What replicas of this server have in common; null for a server alone. */
  readonly shared: Shared | null;
  readonly memory: Memory;
  /** Of large bodies and messages. */
  readonly turns: Turns;
  readonly origins: OriginPolicy;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly limits: ServerLimits;
  readonly log: Log;
  /** How thoughts come where a request does not say it. */
  readonly reasoning: Reasoning;
  /** Every route there is, as they are registered. */
  readonly routes: Route[];
  /** Handlers of upgrades by path, e.g. `/v1/responses`. Surfaces register theirs here. */
  readonly upgrades: Map<string, UpgradeHandler>;
}
