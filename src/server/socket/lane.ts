/** Lanes of a connection: in each one response after the other, and the state to go on with. */
import type { ClientEvent } from '../../protocol/protocol.js';
import type { Item } from '../responses/items.js';
import type { ResponseRun } from '../responses/run.js';
import { itemIn, type KeptResponse } from '../responses/store.js';
import type { Address } from './wire.js';

export type CreateEvent = Extract<ClientEvent, { type: 'response.create' }>;

export interface Job {
  readonly bytes: number;
  readonly event: CreateEvent;
  readonly address: Address;
}

/** Input that came for a response under way. */
export interface Steer {
  readonly id: string;
  readonly input: readonly unknown[];
  readonly bytes: number;
}

/** A response under way. */
export interface Active {
  readonly run: ResponseRun;
  readonly address: Address;
  readonly steers: Steer[];
}

export interface Lane {
  readonly name: string | null;
  readonly jobs: Job[];
  /** Of the job that runs. */
  bytes: number;
  active: Active | null;
  /** A response that waits for its model; aborted where it is cancelled meanwhile. */
  starting: { readonly address: Address; readonly stop: AbortController } | null;
  isRunning: boolean;
}

/** The latest response of each lane, found by its id: what `previous_response_id` means on a connection. */
export class ConnectionState {
  private readonly maxBytes: number;
  private readonly latest = new Map<string | null, KeptResponse>();
  /** Steers that wait for the outputs of the calls of a response. */
  private readonly pending = new Map<string, readonly Steer[]>();
  private bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.bytes;
  }

  find(id: string): KeptResponse | null {
    for (const kept of this.latest.values()) if (kept.response.id === id) return kept;
    return null;
  }

  findItem(id: string): Item | null {
    for (const kept of this.latest.values()) {
      const item = itemIn(kept, id);
      if (item !== null) return item;
    }
    return null;
  }

  /** Puts a response in the place of the lane's last one; the oldest of other lanes go where there is no room. */
  put(lane: string | null, kept: KeptResponse, pending: readonly Steer[]): void {
    this.drop(lane);
    this.latest.set(lane, kept);
    this.bytes += kept.bytes;
    if (pending.length > 0) this.pending.set(kept.response.id, pending);
    for (const name of this.latest.keys()) {
      if (this.bytes <= this.maxBytes) return;
      this.drop(name);
    }
  }

  evict(id: string): void {
    for (const [lane, kept] of this.latest) if (kept.response.id === id) this.drop(lane);
  }

  /** Steers that waited for this response to be gone on with. */
  takePending(id: string): readonly Steer[] {
    const steers = this.pending.get(id) ?? [];
    this.pending.delete(id);
    return steers;
  }

  private drop(lane: string | null): void {
    const kept = this.latest.get(lane);
    if (kept === undefined) return;
    this.latest.delete(lane);
    this.pending.delete(kept.response.id);
    this.bytes -= kept.bytes;
  }
}
