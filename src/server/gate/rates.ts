/** Limits per caller and minute, in requests and in tokens: buckets that fill evenly. */
import { ApiError } from '../errors.js';
import type { Caller } from './keys.js';

/** A moment of one bucket. */
export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  /** Until the bucket is full again. */
  readonly resetMs: number;
}

export interface RateStates {
  readonly requests: RateState | null;
  /** Prompt tokens count when a request is taken, generated ones when it is over. */
  readonly tokens: RateState | null;
}

const MINUTE_MS = 60_000;

/** Holds what a minute allows; goes below zero when an answer was longer than what was left. */
class Bucket {
  readonly perMinute: number;
  private level: number;
  private atMs: number;

  constructor(perMinute: number, nowMs: number) {
    this.perMinute = perMinute;
    this.level = perMinute;
    this.atMs = nowMs;
  }

  private fill(nowMs: number): void {
    const gained = ((nowMs - this.atMs) * this.perMinute) / MINUTE_MS;
    this.level = Math.min(this.perMinute, this.level + gained);
    this.atMs = nowMs;
  }

  /** How long until so much is there; 0 when it is. */
  waitMs(amount: number, nowMs: number): number {
    this.fill(nowMs);
    return Math.max(0, ((amount - this.level) * MINUTE_MS) / this.perMinute);
  }

  take(amount: number, nowMs: number): void {
    this.fill(nowMs);
    this.level -= amount;
  }

  state(nowMs: number): RateState {
    this.fill(nowMs);
    return {
      limit: this.perMinute,
      remaining: Math.max(0, Math.floor(this.level)),
      resetMs: ((this.perMinute - this.level) * MINUTE_MS) / this.perMinute,
    };
  }
}

/** What callers may take, wherever it is counted. */
export abstract class Rates {
  /**
   * Throws an ApiError with status 429 where the caller's buckets are known to have no request left, or fewer tokens than
   * these: cheap, so it comes before tokenising.
   */
  abstract require(caller: Caller, promptTokens?: number): void;
  /**
   * Takes one request with so many prompt tokens from the caller's buckets. Fails with an ApiError of status 429, and takes
   * nothing, where one of them has too little: at once, or by a promise where others count along.
   */
  abstract take(caller: Caller, promptTokens: number): void | Promise<void>;
  /** Takes tokens that were generated. */
  abstract spend(caller: Caller, tokens: number): void;
  abstract state(caller: Caller): RateStates;

  /** The `x-ratelimit-*` headers of a caller; none where nothing is limited. */
  headers(caller: Caller): Record<string, string> {
    const headers: Record<string, string> = {};
    const states = this.state(caller);
    for (const name of ['requests', 'tokens'] as const) {
      const state = states[name];
      if (state === null) continue;
      headers[`x-ratelimit-limit-${name}`] = String(state.limit);
      headers[`x-ratelimit-remaining-${name}`] = String(state.remaining);
      headers[`x-ratelimit-reset-${name}`] = duration(state.resetMs);
    }
    return headers;
  }

  protected refusal(caller: Caller, limit: string, retryAfterMs: number): ApiError {
    return new ApiError({
      status: 429,
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
      message: `This key's limit of ${limit} is used up; try again in ${duration(retryAfterMs)}.`,
      retryAfterMs,
      headers: this.headers(caller),
    });
  }
}

/** Counted in this process. */
export class RateLimits extends Rates {
  private readonly buckets = new Map<string, { requests: Bucket | null; tokens: Bucket | null }>();
  private readonly now: () => number;

  /** @param now milliseconds on a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    super();
    this.now = now;
  }

  override require(caller: Caller, promptTokens = 0): void {
    const now = this.now();
    const { requests, tokens } = this.bucketsOf(caller);
    const requestWait = requests?.waitMs(1, now) ?? 0;
    if (requests && requestWait > 0)
      throw this.refusal(caller, `${requests.perMinute} requests a minute`, requestWait);
    const tokenWait = tokens?.waitMs(promptTokens, now) ?? 0;
    if (tokens && tokenWait > 0) throw this.refusal(caller, `${tokens.perMinute} tokens a minute`, tokenWait);
  }

  override take(caller: Caller, promptTokens: number): void {
    this.require(caller, promptTokens);
    const now = this.now();
    const { requests, tokens } = this.bucketsOf(caller);
    requests?.take(1, now);
    tokens?.take(promptTokens, now);
  }

  override spend(caller: Caller, tokens: number): void {
    this.bucketsOf(caller).tokens?.take(tokens, this.now());
  }

  override state(caller: Caller): RateStates {
    const { requests, tokens } = this.bucketsOf(caller);
    const now = this.now();
    return { requests: requests?.state(now) ?? null, tokens: tokens?.state(now) ?? null };
  }

  private bucketsOf({ name, requestsPerMinute, tokensPerMinute }: Caller) {
    let buckets = this.buckets.get(name);
    if (!buckets) {
      const bucket = (perMinute: number | null): Bucket | null =>
        perMinute === null ? null : new Bucket(perMinute, this.now());
      buckets = { requests: bucket(requestsPerMinute), tokens: bucket(tokensPerMinute) };
      this.buckets.set(name, buckets);
    }
    return buckets;
  }
}

/** As in OpenAI's headers: `12ms`, `1.5s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 100) / 10;
  if (seconds < 60) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`;
}
