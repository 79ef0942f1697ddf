/** Starts a server: binds, loads the model in the background, and ends in order. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { FormatError, messageOf, OptionError } from '../core/errors.js';
import { MiB } from '../core/units.js';
import type { Engine } from '../runtime/types.js';
import { createApp } from './app.js';
import type { ServerContext, ServerLimits } from './context.js';
import type { EngineLoader } from './engine-host.js';
import { Admission, type AdmissionLimits } from './gate/admission.js';
import { type ApiKey, KeyRing } from './gate/keys.js';
import { Lifecycle } from './gate/lifecycle.js';
import { Memory } from './gate/memory.js';
import { isLoopback, OriginPolicy } from './gate/origin.js';
import { RateLimits } from './gate/rates.js';
import { Turns } from './gate/turns.js';
import { listening } from './listen.js';
import { createLog, type LogLevel } from './log.js';
import { createMetrics } from './metrics.js';
import { Models, type NameOptions } from './models/models.js';
import type { PoolLimits } from './models/pool.js';
import type { ModelOptions } from './models/served.js';
import type { Reasoning } from './road/completion.js';
import { goOnAsHttp, upgrade, wantsWebSocket } from './upgrade.js';

export interface ServerOptions extends NameOptions {
  /** Loads the engine of the first model, at the start; called again after one broke. */
  readonly load: EngineLoader;
  readonly model: Omit<ModelOptions, 'load'>;
  /** Further ones, loaded when they are asked for. */
  readonly models?: readonly ModelOptions[];
  readonly pool?: Partial<PoolLimits>;
  /** URL of a Redis that replicas of this server share. */
  readonly redis?: string;
  /** Default 8080; 0 takes any free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly keys?: readonly ApiKey[];
  readonly admission?: Partial<AdmissionLimits>;
  readonly limits?: Partial<ServerLimits>;
  readonly logLevel?: LogLevel;
  /** Whether thoughts come apart from answers or in their text as they were written; default `split`. */
  readonly reasoning?: Reasoning;
  /** Origins whose pages may use the server, e.g. `https://example.org`; its own always may. */
  readonly origins?: readonly string[];
  /** PEM texts. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
}

export interface RunningServer {
  /** Without a slash at the end, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly context: ServerContext;
  /** Settles with the first engine, or rejects when it cannot be loaded. */
  readonly ready: Promise<Engine>;
  /** Takes no new work, lets what runs go on for at most so long (default 0), and ends. Safe to call twice. */
  close(drainMs?: number): Promise<void>;
}

const DEFAULT_ADMISSION: AdmissionLimits = {
  interactive: { maxInFlight: 256, maxWaitingTokens: 262_144 },
  batch: { maxInFlight: 128, maxWaitingTokens: 262_144 },
};

const DEFAULT_LIMITS: ServerLimits = {
  bodyBytes: 4 * MiB,
  memoryBytes: 512 * MiB,
  stallMs: 30_000,
  pingMs: 15_000,
};

const DEFAULT_POOL = {
  maxLoaded: 3,
  memoryBytes: Number.POSITIVE_INFINITY,
  keepAliveMs: Number.POSITIVE_INFINITY,
} as const;

/** Throws OptionError when a server that others can reach has no key. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { port = 8080, host: hostname = '127.0.0.1' } = options;
  const log = createLog(options.logLevel ?? 'info');
  const keys = new KeyRing(options.keys ?? []);
  requireKeys(hostname, keys);
  if (!isLoopback(hostname) && !options.tls)
    log.warn('without TLS the API keys cross the network in the clear');
  const lifecycle = new Lifecycle();
  const origins = new OriginPolicy(options.origins ?? [], keys.isOpen);
  const admission = { ...DEFAULT_ADMISSION, ...options.admission };
  const models = new Models(
    [{ ...options.model, load: options.load }, ...(options.models ?? [])],
    options,
    { ...DEFAULT_POOL, maxWaiting: admission.interactive.maxInFlight, parts: keys.parts, ...options.pool },
    log,
  );
  const first = models.served[0]!;
  // Loaded when it is wanted: its client is an optional package.
  const shared =
    options.redis === undefined
      ? null
      : await import('./shared/shared.js').then(({ connectShared }) => connectShared(options.redis!, log));
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const context: ServerContext = {
    host: first.host,
    model: first.model,
    adapter: null,
    models,
    keys,
    lifecycle,
    admission: new Admission(admission),
    rates: shared?.rates ?? new RateLimits(),
    shared,
    origins,
    metrics: createMetrics(models),
    turns: new Turns(),
    memory: new Memory(limits.memoryBytes, keys.parts),
    limits,
    log,
    reasoning: options.reasoning ?? 'split',
    routes: [],
    upgrades: new Map(),
  };
  const started = models.pool.start(first);
  // What the others take and are is looked at early: the first request for one need not wait for it.
  started.then(() => models.measure()).catch(() => undefined);
  const upgraded = new Set<Duplex>();
  const makeServer = (handler: RequestListener): Server => {
    const server = options.tls ? secureServer(options.tls, handler) : createServer(HTTP, handler);
    server.maxConnections = MAX_CONNECTIONS;
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (!wantsWebSocket(request)) {
        goOnAsHttp(request, socket, head);
        server.emit(options.tls ? 'secureConnection' : 'connection', socket);
        return;
      }
      upgraded.add(socket);
      socket.once('close', () => upgraded.delete(socket));
      upgrade(context, request, socket, head);
    });
    return server as Server;
  };
  let app: ReturnType<typeof createApp>;
  try {
    app = createApp(context, makeServer);
    await listening(app.listen({ port, host: hostname }), hostname, port);
  } catch (error) {
    await models.close();
    await shared?.close();
    throw error;
  }
  const address = app.server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  let closed: Promise<void> | null = null;
  return {
    url: `${options.tls ? 'https' : 'http'}://${name}:${address.port}`,
    context,
    // Made anew each time: what a promise has settled with stays in memory, and the engine need not.
    get ready() {
      return started.then(async () => {
        // It may have gone already, where models go soon.
        const release = await models.pool.use(first);
        try {
          return first.host.require();
        } finally {
          release();
        }
      });
    },
    close: (drainMs = 0) => {
      closed ??= (async () => {
        await lifecycle.drain(drainMs);
        app.server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
        await app.close();
        await models.close();
        await shared?.close();
      })();
      return closed;
    },
  };
}

/** Sockets of all kinds; further ones are closed at once. */
const MAX_CONNECTIONS = 10_000;

/** A client that dawdles with its request is cut off: headers within ten seconds, the body within a minute. */
const HTTP = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 65_000,
} as const;

function secureServer(tls: NonNullable<ServerOptions['tls']>, handler: RequestListener): TlsServer {
  try {
    return createTlsServer({ ...HTTP, ...tls }, handler);
  } catch (cause) {
    throw new FormatError(
      {
        what: 'TLS certificate and key',
        given: messageOf(cause),
        expected: 'a certificate chain and the private key that belongs to it, both as PEM',
        todo: 'Check the two files of --tls-cert and --tls-key.',
      },
      { cause },
    );
  }
}

function requireKeys(hostname: string, keys: KeyRing): void {
  if (isLoopback(hostname) || !keys.isOpen) return;
  throw new OptionError({
    what: `serving at ${hostname}, which other machines can reach`,
    given: 'no API key',
    expected: 'at least one',
    todo: 'Run `waferflow keys me >> keys.txt` and add `--api-keys keys.txt`, or serve at 127.0.0.1.',
  });
}
