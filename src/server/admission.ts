/** The bounded queue: what waits for the engine, in requests and in prompt tokens, per tier. */
import type { ServiceTier } from './completion.js';
import { unavailable } from './errors.js';

export interface TierLimits {
  /** Requests that run and wait. */
  readonly maxInFlight: number;
  /** Prompt tokens of requests that wait; one request is let in whatever its size. */
  readonly maxWaitingTokens: number;
}

export type AdmissionLimits = Readonly<Record<ServiceTier, TierLimits>>;

interface Load {
  inFlight: number;
  waiting: number;
  waitingTokens: number;
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
  private readonly loads: Readonly<Record<ServiceTier, Load>> = {
    interactive: { inFlight: 0, waiting: 0, waitingTokens: 0 },
    batch: { inFlight: 0, waiting: 0, waitingTokens: 0 },
  };

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  load(tier: ServiceTier): Readonly<Load> {
    return this.loads[tier];
  }

  /** Throws an ApiError with status 503 when one more request is too many; cheap, so it comes before tokenising. */
  requirePlace(tier: ServiceTier): void {
    if (this.loads[tier].inFlight < this.limits[tier].maxInFlight) return;
    throw overloaded(`${this.limits[tier].maxInFlight} ${tier} requests are under way`);
  }

  /** Throws an ApiError with status 503 when so many prompt tokens are too much to wait with the others. */
  requireTokens(tier: ServiceTier, promptTokens: number): void {
    const { waiting, waitingTokens } = this.loads[tier];
    const { maxWaitingTokens } = this.limits[tier];
    if (waiting === 0 || waitingTokens + promptTokens <= maxWaitingTokens) return;
    throw overloaded(`${waitingTokens} prompt tokens wait and ${maxWaitingTokens} may`);
  }

  /** Takes a place. Throws an ApiError with status 503 when there is none. */
  admit(tier: ServiceTier, promptTokens: number): Ticket {
    this.requirePlace(tier);
    this.requireTokens(tier, promptTokens);
    const load = this.loads[tier];
    load.inFlight++;
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
        if (state !== 'over') load.inFlight--;
        state = 'over';
      },
    };
  }
}

const RETRY_MS = 1000;

function overloaded(why: string) {
  return unavailable('server_is_overloaded', `The server is at its limit: ${why}. Try again soon.`, RETRY_MS);
}
