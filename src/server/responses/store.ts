/** Responses that can be asked for again: bounded in number and in bytes, each seen by its owner only. */

import type { InputItem, ResponseObject } from '../../protocol/protocol.js';
import { ApiError } from '../errors.js';
import { type Holding, Memory } from '../gate/memory.js';
import type { Item } from './items.js';
import type { EventLog } from './log.js';

export interface KeptResponse {
  /** Name of the caller. */
  readonly owner: string;
  readonly response: ResponseObject;
  /** The items that its request brought. */
  readonly input: readonly InputItem[];
  /** The whole conversation up to and with its output. */
  readonly conversation: readonly Item[];
  /** System messages at its start that are shown as one. */
  readonly joined: number;
  /** Its events, where it was made in the background. */
  readonly log?: EventLog;
  /** About what `conversation` takes, shared parts included. */
  readonly bytes: number;
}

export interface StoreLimits {
  readonly responses: number;
  readonly bytes: number;
}

export class ResponseStore {
  private readonly limits: StoreLimits;
  private readonly kept = new Map<string, KeptResponse>();
  /** The response that brought or made an item, by owner and id: clients choose ids, and may choose those of others. */
  private readonly itemOwners = new Map<string, string>();
  private bytes = 0;
  /** Of each owner. */
  private readonly ofOwner = new Map<string, { bytes: number; responses: number; holding: Holding }>();
  private readonly parts: number;
  private readonly memory: Memory;

  /**
   * @param parts an owner may have one of so many of what all may have, so that nobody pushes all others out
   * @param memory of the server, where what is kept is held as well and gives way to what is under way
   */
  constructor(limits: StoreLimits, parts = 1, memory = new Memory(Number.POSITIVE_INFINITY, 1)) {
    this.limits = limits;
    this.parts = parts;
    this.memory = memory;
    memory.addKeeper((owner) => this.removeOldest(owner));
  }

  get size(): number {
    return this.kept.size;
  }

  /** Keeps it; the oldest ones go where there is no room. */
  put(entry: KeptResponse): void {
    this.remove(entry.response.id);
    this.kept.set(entry.response.id, entry);
    this.bytes += entry.bytes;
    for (const { id } of itemsOf(entry)) this.itemOwners.set(itemKey(id, entry.owner), entry.response.id);
    const own = this.ofOwner.get(entry.owner) ?? {
      bytes: 0,
      responses: 0,
      holding: this.memory.hold(entry.owner),
    };
    this.ofOwner.set(entry.owner, own);
    own.bytes += entry.bytes;
    own.holding.set(own.bytes);
    own.responses++;
    const { responses, bytes } = this.limits;
    for (const [id, { owner }] of this.kept) {
      const isOwnFull = own.responses * this.parts > responses || own.bytes * this.parts > bytes;
      if (isOwnFull ? owner === entry.owner : this.kept.size > responses || this.bytes > bytes)
        this.remove(id);
      else if (!isOwnFull) return;
    }
  }

  get(id: string, owner: string): KeptResponse | null {
    const entry = this.kept.get(id);
    return entry?.owner === owner ? entry : null;
  }

  /** An item that a response brought or made. */
  item(id: string, owner: string): Item | null {
    const entry = this.get(this.itemOwners.get(itemKey(id, owner)) ?? '', owner);
    return entry === null ? null : itemIn(entry, id);
  }

  delete(id: string, owner: string): boolean {
    return this.get(id, owner) !== null && this.remove(id);
  }

  private removeOldest(owner: string | null): boolean {
    for (const [id, entry] of this.kept) if (owner === null || entry.owner === owner) return this.remove(id);
    return false;
  }

  private remove(id: string): boolean {
    const entry = this.kept.get(id);
    if (entry === undefined) return false;
    this.bytes -= entry.bytes;
    for (const item of itemsOf(entry)) {
      const key = itemKey(item.id, entry.owner);
      if (this.itemOwners.get(key) === id) this.itemOwners.delete(key);
    }
    const own = this.ofOwner.get(entry.owner)!;
    own.bytes -= entry.bytes;
    own.holding.set(own.bytes);
    if (--own.responses === 0) this.ofOwner.delete(entry.owner);
    return this.kept.delete(id);
  }
}

function itemKey(id: unknown, owner: string): string {
  return `${owner} ${String(id)}`;
}

function itemsOf({ input, response }: KeptResponse): readonly Item[] {
  return [...input, ...response.output];
}

/** Items by their ids, of conversations that were asked for one: a request may refer to thousands. */
const indexes = new WeakMap<KeptResponse, ReadonlyMap<unknown, Item>>();

/** An item of the conversation that a response stands at the end of. */
export function itemIn(kept: KeptResponse, id: string): Item | null {
  let index = indexes.get(kept);
  if (index === undefined) {
    // The first of several with one id.
    index = new Map(kept.conversation.toReversed().map((item) => [item.id, item]));
    indexes.set(kept, index);
  }
  return index.get(id) ?? null;
}

export function responseNotFound(id: string): ApiError {
  return new ApiError({
    status: 404,
    type: 'invalid_request_error',
    code: 'response_not_found',
    message: `There is no response ${JSON.stringify(id.slice(0, 100))}.`,
    param: 'response_id',
  });
}

/** The status that the official service gives as well: clients then send the whole conversation. */
export function previousNotFound(id: string): ApiError {
  return new ApiError({
    status: 400,
    type: 'invalid_request_error',
    code: 'previous_response_not_found',
    message: `The previous response ${JSON.stringify(id.slice(0, 100))} is not known here: send all items as \`input\`.`,
    param: 'previous_response_id',
  });
}
