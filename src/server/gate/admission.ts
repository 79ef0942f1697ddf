/** The bounded queue: what waits for the engine, in requests and in prompt tokens, per tier. */

import { ApiError, unavailable } from '../errors.js';
import type { ServiceTier } from '../road/completion.js';

export interface TierLimits {
  /** Requests that run and wait. */
  readonly maxInFlight: number;
  /** Of one caller, so that nobody has the whole queue; default: all. */
  readonly maxPerCaller?: number;
  /** Prompt tokens of requests that wait; one request is let in whatever its size. */
  readonly maxWaitingTokens: number;
}

export type AdmissionLimits = Readonly<Record<ServiceTier, TierLimits>>;

interface Load {
  inFlight: number;
  waiting: number;
  waitingTokens: number;
}

interface Tier extends Load {
  readonly callers: Map<string, number>;
}

function emptyTier(): Tier {
  return { inFlight: 0, waiting: 0, waitingTokens: 0, callers: new Map() };
}

/** A place in the queue. */
export interface Ticket {
  /** The request runs: it waits no more. */
  start(): void;
  /** The request is over; safe to call twice. */
  release(): void;
}

export class Admission {
  readonly limits: AdmissionLimits;
  private readonly loads: Readonly<Record<ServiceTier, Tier>> = {
    interactive: emptyTier(),
    batch: emptyTier(),
  };

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  load(tier: ServiceTier): Readonly<Load> {
    const { inFlight, waiting, waitingTokens } = this.loads[tier];
    return { inFlight, waiting, waitingTokens };
  }

  /**
   * Throws an ApiError when one more request is too many, with status 503, or one more of this caller, with 429; cheap,
   * so it comes before tokenising.
   */
  requirePlace(tier: ServiceTier, caller: string): void {
    const { maxInFlight, maxPerCaller = maxInFlight } = this.limits[tier];
    const { inFlight, callers } = this.loads[tier];
    if (inFlight < maxInFlight) {
      if ((callers.get(caller) ?? 0) < maxPerCaller) return;
      throw tooMany(
        `${maxPerCaller} ${tier} requests of this key are under way, as many as one key may have`,
      );
    }
    throw overloaded(`${this.limits[tier].maxInFlight} ${tier} requests are under way`);
  }

  /** Throws an ApiError with status 503 when so many prompt tokens are too much to wait with the others. */
  requireTokens(tier: ServiceTier, promptTokens: number): void {
    const { waiting, waitingTokens } = this.loads[tier];
    const { maxWaitingTokens } = this.limits[tier];
    if (waiting === 0 || waitingTokens + promptTokens <= maxWaitingTokens) return;
    throw overloaded(`${waitingTokens} prompt tokens wait and ${maxWaitingTokens} may`);
  }

  /** Takes a place. Throws an ApiError with status 503 or 429 when there is none. */
  admit(tier: ServiceTier, caller: string, promptTokens: number): Ticket {
    this.requirePlace(tier, caller);
    this.requireTokens(tier, promptTokens);
    const load = this.loads[tier];
    const { callers } = load;
    load.inFlight++;
    callers.set(caller, (callers.get(caller) ?? 0) + 1);
    load.waiting++;
    load.waitingTokens += promptTokens;
    let state: 'waiting' | 'running' | 'over' = 'waiting';
    const leaveQueue = (): void => {
      if (state !== 'waiting') return;
      load.waiting--;
      load.waitingTokens -= promptTokens;
    };
    return {
      start: () => {
        leaveQueue();
        if (state === 'waiting') state = 'running';
      },
      release: () => {
        leaveQueue();
        if (state === 'over') return;
        state = 'over';
        load.inFlight--;
        const others = (callers.get(caller) ?? 0) - 1;
        if (others > 0) callers.set(caller, others);
        else callers.delete(caller);
      },
    };
  }
}

const RETRY_MS = 1000;

function overloaded(why: string) {
  return unavailable('server_is_overloaded', `The server is at its limit: ${why}. Try again soon.`, RETRY_MS);
}

function tooMany(why: string): ApiError {
  const message = `${why}. Try again when one has ended.`;
  const facts = {
    status: 429,
    type: 'rate_limit_error',
    code: 'too_many_concurrent_requests',
    message,
  } as const;
  return new ApiError({ ...facts, retryAfterMs: RETRY_MS });
}
