/** Prometheus metrics: vLLM's names under our prefix, with buckets fine enough for tokens of 50 microseconds. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SocketCounts } from '../protocol/ws.js';
import type { EngineStats } from '../runtime/types.js';
import type { Models } from './models/models.js';
import { isLoaded } from './models/pool.js';

const TOKEN_SECONDS = [
  0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.000_75, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02,
  0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5,
];
const REQUEST_SECONDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.25, 0.5, 0.75, 1,
  2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
];
const TOKENS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000,
];

export type Metrics = ReturnType<typeof createMetrics>;

/** The counters that the engine keeps itself; they start again with a new engine, as counters may. */
const ENGINE_COUNTERS = {
  num_preemptions_total: ['Sequences that lost their KV pages for a time', 'preemptions'],
  prefix_cache_queries_total: ['Prompt tokens looked up in the prefix cache', 'prefixQueryTokens'],
  prefix_cache_hits_total: ['Prompt tokens found in the prefix cache', 'prefixHitTokens'],
  prompt_tokens_total: ['Prompt tokens computed', 'promptTokens'],
  generation_tokens_total: ['Tokens generated', 'generatedTokens'],
  engine_steps_total: ['Steps of the engine', 'steps'],
} as const satisfies Readonly<Record<string, readonly [string, keyof EngineStats]>>;

export function createMetrics(models: Models) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  /** Of all engines that are loaded. */
  const stats = (): EngineStats[] =>
    models.served.flatMap(({ host: { state } }) => (state.kind === 'ready' ? [state.engine.stats()] : []));
  const sum = (read: (now: EngineStats) => number): number =>
    stats().reduce((total, now) => total + read(now), 0);
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `waferflow:${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('num_requests_running', 'Requests in the running batch', () => sum(({ running }) => running));
  gauge(
    'num_requests_waiting',
    'Requests that wait to be scheduled, or for their model to be loaded',
    () => sum(({ waiting }) => waiting) + models.pool.waiting(),
  );
  gauge('num_prompt_tokens_waiting', 'Prompt tokens of waiting requests', () =>
    sum(({ waitingTokens }) => waitingTokens),
  );
  gauge(
    'kv_cache_usage_perc',
    'Share of KV pages in use; 1 is all',
    () =>
      sum(({ kvPages }) => kvPages.used) /
      Math.max(
        1,
        sum(({ kvPages }) => kvPages.total),
      ),
  );
  gauge('models_loaded', 'Models in memory', () => models.served.filter(isLoaded).length);
  gauge('models_loaded_bytes', 'Memory of those models', () => models.pool.loadedBytes);
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name: `waferflow:${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  for (const [name, [help, place]] of Object.entries(ENGINE_COUNTERS))
    counter(name, help, () => sum((now) => now[place]));
  counter('engine_reloads_total', 'Engines that broke and were loaded again', () =>
    models.served.reduce((total, { host }) => total + host.reloads, 0),
  );
  counter('model_loads_total', 'Models that were brought into memory', () => models.pool.loads);
  counter('model_unloads_total', 'Models that went out of it', () => models.pool.unloads);
  const sockets: SocketCounts = {
    receivedFrames: 0,
    receivedBytes: 0,
    sentFrames: 0,
    sentBytes: 0,
    connections: () => 0,
    detachedSessions: () => 0,
  };
  registerSockets(sockets, registry);
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: `waferflow:${name}`, help, buckets, registers });
  return {
    registry,
    sockets,
    timeToFirstToken: histogram(
      'time_to_first_token_seconds',
      'From admission to the first token',
      REQUEST_SECONDS,
    ),
    interToken: histogram(
      'inter_token_latency_seconds',
      'Between pieces of an answer, divided by the tokens in the later one',
      TOKEN_SECONDS,
    ),
    perOutputToken: histogram(
      'request_time_per_output_token_seconds',
      'Decode time of a request by its tokens after the first',
      TOKEN_SECONDS,
    ),
    endToEnd: histogram('e2e_request_latency_seconds', 'From admission to the end', REQUEST_SECONDS),
    queue: histogram('request_queue_time_seconds', 'Waiting for the first step', REQUEST_SECONDS),
    prefill: histogram(
      'request_prefill_time_seconds',
      'From the first step to the first token',
      REQUEST_SECONDS,
    ),
    decode: histogram('request_decode_time_seconds', 'From the first token to the last', REQUEST_SECONDS),
    inference: histogram(
      'request_inference_time_seconds',
      'From the first step to the last token',
      REQUEST_SECONDS,
    ),
    promptTokens: histogram('request_prompt_tokens', 'Prompt tokens of a request', TOKENS),
    generationTokens: histogram('request_generation_tokens', 'Generated tokens of a request', TOKENS),
    maxTokens: histogram('request_params_max_tokens', 'The max_tokens of a request', TOKENS),
    success: new Counter({
      name: 'waferflow:request_success_total',
      help: 'Requests that ended, by reason',
      labelNames: ['finished_reason'],
      registers,
    }),
    failure: new Counter({
      name: 'waferflow:request_failure_total',
      help: 'Requests that failed after they were admitted, by code',
      labelNames: ['code'],
      registers,
    }),
    rejections: new Counter({
      name: 'waferflow:admission_rejections_total',
      help: 'Requests that were not admitted, by code',
      labelNames: ['reason'],
      registers,
    }),
  };
}

function registerSockets(sockets: SocketCounts, registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `waferflow:${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('websocket_connections', 'WebSockets that are open', () => sockets.connections());
  gauge('websocket_sessions_detached', 'Sessions that wait for their client to come back', () =>
    sockets.detachedSessions(),
  );
  const counter = (name: string, help: string, received: () => number, sent: () => number): void => {
    new Counter({
      name: `waferflow:${name}`,
      help,
      labelNames: ['direction'],
      registers,
      collect() {
        this.reset();
        this.inc({ direction: 'received' }, received());
        this.inc({ direction: 'sent' }, sent());
      },
    });
  };
  counter(
    'websocket_frames_total',
    'Messages on WebSockets',
    () => sockets.receivedFrames,
    () => sockets.sentFrames,
  );
  counter(
    'websocket_bytes_total',
    'Bytes of messages on WebSockets',
    () => sockets.receivedBytes,
    () => sockets.sentBytes,
  );
}
