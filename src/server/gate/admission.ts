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
  /** Waits with so many prompt tokens. Throws an ApiError with status 503 where they are too many to wait with the others. */
  queue(promptTokens: number): void;
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
   * Takes a place; cheap, so it comes before tokenising. Throws an ApiError when one more request is too many, with
   * status 503, or one more of this caller, with 429.
   */
  admit(tier: ServiceTier, caller: string): Ticket {
    this.requirePlace(tier, caller);
    const load = this.loads[tier];
    const { callers } = load;
    load.inFlight++;
    callers.set(caller, (callers.get(caller) ?? 0) + 1);
    load.waiting++;
    let promptTokens = 0;
    let state: 'waiting' | 'running' | 'over' = 'waiting';
    const leaveQueue = (): void => {
      if (state !== 'waiting') return;
      load.waiting--;
      load.waitingTokens -= promptTokens;
    };
    return {
      queue: (tokens) => {
        this.requireTokens(tier, tokens);
        promptTokens = tokens;
        load.waitingTokens += tokens;
      },
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

  private requirePlace(tier: ServiceTier, caller: string): void {
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

  private requireTokens(tier: ServiceTier, promptTokens: number): void {
    const { waitingTokens } = this.loads[tier];
    const { maxWaitingTokens } = this.limits[tier];
    if (waitingTokens === 0 || waitingTokens + promptTokens <= maxWaitingTokens) return;
    throw overloaded(`${waitingTokens} prompt tokens wait and ${maxWaitingTokens} may`);
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
