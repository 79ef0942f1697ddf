/** Conversations that the server keeps: items that responses begin with and add to. Bounded, each seen by its owner only. */
import { ApiError, badRequest } from '../errors.js';
import { type Holding, Memory } from '../gate/memory.js';
import { sizeOf } from '../gate/weight.js';
import { requireTurns } from '../list.js';
import { newId } from './ids.js';
import type { Item } from './items.js';
import type { StoreLimits } from './store.js';

export type Metadata = Readonly<Record<string, string>>;

export interface Conversation {
  readonly id: string;
  readonly owner: string;
  /** Unix time in seconds. */
  readonly createdAt: number;
  metadata: Metadata;
  items: readonly Item[];
  bytes: number;
  readonly holding: Holding;
}

/** What one takes beside its items and metadata, about. */
const emptyBytes = 512;

export class ConversationStore {
  private readonly limits: StoreLimits;
  private readonly kept = new Map<string, Conversation>();
  private bytes = 0;
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
    memory.addKeeper((owner) => this.deleteOldest(owner));
  }

  create(owner: string, metadata: Metadata, items: readonly Item[]): Conversation {
    const createdAt = Math.floor(Date.now() / 1000);
    const holding = this.memory.hold(owner);
    const made: Conversation = {
      id: newId('conv'),
      owner,
      createdAt,
      metadata,
      items: [],
      bytes: 0,
      holding,
    };
    this.kept.set(made.id, made);
    try {
      this.grow(made, emptyBytes + sizeOf(metadata));
      this.add(made, items);
    } catch (error) {
      this.delete(made);
      throw error;
    }
    return made;
  }

  describe(conversation: Conversation, metadata: Metadata): void {
    this.grow(conversation, sizeOf(metadata) - sizeOf(conversation.metadata));
    conversation.metadata = metadata;
  }

  /** Throws an ApiError with status 404 where there is none. */
  require(id: string, owner: string): Conversation {
    const found = this.kept.get(id);
    if (found?.owner === owner) return found;
    throw new ApiError({
      status: 404,
      type: 'invalid_request_error',
      code: 'conversation_not_found',
      message: `There is no conversation ${JSON.stringify(id.slice(0, 100))}: the oldest ones go where there is no room.`,
      param: 'conversation',
    });
  }

  /** Adds to its end; older conversations go where there is no room. Throws an ApiError where it is too much itself. */
  add(conversation: Conversation, items: readonly Item[]): void {
    const { responses: most, bytes: mostBytes } = this.limits;
    const size = sizeOf(items);
    requireTurns(conversation.items.length + items.length, 'conversation');
    if ((conversation.bytes + size) * this.parts > mostBytes)
      throw badRequest('The conversation is longer than what is kept of one.', 'conversation');
    conversation.items = [...conversation.items, ...items];
    this.grow(conversation, size);
    const { owner } = conversation;
    let own = 0;
    let ownBytes = 0;
    for (const one of this.kept.values())
      if (one.owner === owner) {
        own++;
        ownBytes += one.bytes;
      }
    for (const one of this.kept.values()) {
      const isOwnFull = own * this.parts > most || ownBytes * this.parts > mostBytes;
      if (!isOwnFull && this.kept.size <= most && this.bytes <= mostBytes) return;
      if (one === conversation || (isOwnFull && one.owner !== owner)) continue;
      if (one.owner === owner) {
        own--;
        ownBytes -= one.bytes;
      }
      this.delete(one);
    }
  }

  remove(conversation: Conversation, itemId: string): void {
    const rest = conversation.items.filter(({ id }) => id !== itemId);
    const gone = conversation.items.filter(({ id }) => id === itemId);
    conversation.items = rest;
    this.grow(conversation, -sizeOf(gone));
  }

  delete(conversation: Conversation): void {
    if (!this.kept.delete(conversation.id)) return;
    this.bytes -= conversation.bytes;
    conversation.holding.release();
  }

  private deleteOldest(owner: string | null): boolean {
    for (const one of this.kept.values()) {
      if (owner !== null && one.owner !== owner) continue;
      this.delete(one);
      return true;
    }
    return false;
  }

  private grow(conversation: Conversation, bytes: number): void {
    conversation.bytes += bytes;
    if (!this.kept.has(conversation.id)) return;
    this.bytes += bytes;
    conversation.holding.set(conversation.bytes);
  }
}
