/** Load on a server: what is asked, how, and what came of it. All times are measured on this machine. */
import type { MeasuredMs } from '../core/units.js';
import type { LatencySummary } from '../fleet/types.js';

export type LoadApi = 'chat' | 'responses-ws' | 'msgpack';

export interface LoadRequest {
  readonly prompt: string;
  readonly maxTokens: number;
}

/** What the server says a request cost. */
export interface LoadUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** A way to ask. One line runs one request at a time. */
export interface LoadLine {
  /** Asks, and calls `onText` whenever text arrives. Rejects when the answer does not come to its end. */
  ask(request: LoadRequest, onText: () => void, signal: AbortSignal): Promise<LoadUsage>;
  close(): void;
}

export interface LoadTarget {
  /** Of the server, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly apiKey: string | null;
  readonly model: string;
}

export type OpenLine = (target: LoadTarget) => Promise<LoadLine>;

/** Limits within which a request is good; those left out do not bind. */
export interface Goals {
  readonly ttftMs?: number;
  readonly tpotMs?: number;
  readonly e2elMs?: number;
}

export interface LoadResult {
  readonly api: LoadApi;
  /** Of arrivals and prompts: the same seed asks the same again. */
  readonly seed: number;
  /** Requests that came to their end, and those that did not. */
  readonly requests: number;
  readonly failed: number;
  /** Why, and how often. */
  readonly errors: Readonly<Record<string, number>>;
  readonly durationMs: MeasuredMs;
  /** Null in a closed loop. */
  readonly requestedPerSecond: number | null;
  /** Requests under way at most; in a closed loop there always are so many. */
  readonly concurrency: number | null;
  /** As the server counts them. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly requestsPerSecond: number;
  readonly outputTokensPerSecond: number;
  readonly totalTokensPerSecond: number;
  /** Of the best whole second. */
  readonly peakOutputTokensPerSecond: number;
  readonly peakConcurrency: number;
  /** From sending to the first text. */
  readonly ttftMs: LatencySummary;
  /** (end - first text) / (output tokens - 1), of requests with two tokens or more. */
  readonly tpotMs: LatencySummary;
  /** Between pieces of text, of all requests together; a piece can be several tokens. */
  readonly itlMs: LatencySummary;
  /** From sending to the end. */
  readonly e2elMs: LatencySummary;
  /** How much later than planned requests were sent. */
  readonly lateMs: LatencySummary;
  /** Requests per second within all goals; null without goals. */
  readonly goodput: number | null;
}
