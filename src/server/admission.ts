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
  private readonly onReject: (reason: string) => void;

  constructor(limits: AdmissionLimits, onReject: (reason: string) => void = () => undefined) {
    this.limits = limits;
    this.onReject = onReject;
  }

  load(tier: ServiceTier): Readonly<Load> {
    return this.loads[tier];
  }

  /** Throws an ApiError with status 503 when one more request is too many; cheap, so it comes before tokenising. */
  requirePlace(tier: ServiceTier): void {
    if (this.loads[tier].inFlight < this.limits[tier].maxInFlight) return;
    this.onReject('queue_full');
    throw overloaded(`${this.limits[tier].maxInFlight} ${tier} requests are under way`);
  }

  /** Takes a place. Throws an ApiError with status 503 when there is none. */
  admit(tier: ServiceTier, promptTokens: number): Ticket {
    this.requirePlace(tier);
    const load = this.loads[tier];
    const { maxWaitingTokens } = this.limits[tier];
    if (load.waiting > 0 && load.waitingTokens + promptTokens > maxWaitingTokens) {
      this.onReject('queue_tokens_full');
      throw overloaded(`${load.waitingTokens} prompt tokens wait and ${maxWaitingTokens} may`);
    }
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
