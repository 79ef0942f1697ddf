/** What HTTP and WebSocket share: requests in, runs under way, and responses kept. */
import type { ResponseObject } from '../../protocol/protocol.js';
import type { ServerContext } from '../context.js';
import { badRequest } from '../errors.js';
import type { Holding } from '../gate/memory.js';
import type { Used } from '../models/use.js';
import { leavesRoom } from '../road/truncate.js';
import type { CreateBody } from './body.js';
import { type Conversation, ConversationStore } from './conversations.js';
import type { EventSink } from './events.js';
import type { Item } from './items.js';
import type { EventLog } from './log.js';
import { type ResponseRequest, responseRequest } from './request.js';
import { ResponseRun } from './run.js';
import {
  type KeptResponse,
  previousNotFound,
  ResponseStore,
  responseNotFound,
  type StoreLimits,
} from './store.js';

/** Kept ones. */
const mostResponses = 10_000;

export interface StartOptions {
  /** Of its model. */
  readonly context: ServerContext;
  readonly request: ResponseRequest;
  readonly caller: string;
  readonly sink: EventSink;
  readonly signal: AbortSignal;
  readonly isWarmUp?: boolean;
  readonly previous?: KeptResponse | null;
  readonly holding?: Holding;
  /** Of one in the background. */
  readonly log?: EventLog | null;
}

/** Who asks, and until when. */
export interface Client {
  readonly owner: string;
  readonly signal: AbortSignal;
}

/** A request with what it continues, and the context of its model. */
export interface Prepared {
  readonly context: ServerContext;
  readonly request: ResponseRequest;
  readonly previous: KeptResponse | null;
}

export class ResponsesService {
  readonly context: ServerContext;
  readonly store: ResponseStore;
  readonly conversations: ConversationStore;
  private readonly live = new Map<string, ResponseRun>();

  constructor(context: ServerContext, limits: Partial<StoreLimits> = {}) {
    this.context = context;
    const { keys, memory } = context;
    const { parts } = keys;
    // Half of the memory: what is under way has room beside them.
    const all = { responses: mostResponses, bytes: context.limits.memoryBytes / 2, ...limits };
    this.store = new ResponseStore(all, parts, memory);
    this.conversations = new ConversationStore({ ...all, bytes: all.bytes / 2 }, parts, memory);
  }

  /**
   * Prepares a checked body for the model that it has. `find` looks for the previous response, by default in the store.
   * Rejects with an ApiError where something is wrong with it.
   */
  async prepare(
    body: CreateBody,
    { model, context }: Used,
    { owner: caller, signal }: Client,
    find: (id: string) => KeptResponse | null = (id) => this.store.get(id, caller),
    findItem: (id: string) => Item | null = (id) => this.store.item(id, caller),
  ): Promise<Prepared> {
    const { previous_response_id: previousId } = body;
    const previous = typeof previousId === 'string' ? find(previousId) : null;
    if (typeof previousId === 'string' && previous === null) throw previousNotFound(previousId);
    const conversation = this.conversationOf(body, caller);
    const request = await responseRequest(body, {
      model,
      info: context.host.require().info,
      findItem,
      conversation: conversation?.id ?? null,
      history: previous?.conversation ?? conversation?.items ?? [],
      joined: previous?.joined ?? null,
      fits: (prompt, maxOutputTokens) =>
        leavesRoom(context.host.require(), prompt, maxOutputTokens, { owner: caller, signal }),
    });
    return { context, request, previous };
  }

  /**
   * Looks up what a body refers to where replicas share their responses, so that `prepare` finds it. Rejects with an
   * ApiError where that cannot be asked for and is not known here either.
   */
  async recall({ previous_response_id: previous, input }: CreateBody, owner: string): Promise<void> {
    if (this.context.shared === null) return;
    if (typeof previous === 'string') await this.recallResponse(previous, owner);
    const { responses } = this.context.shared;
    for (const { type, role, id } of Array.isArray(input) ? input : []) {
      if (
        typeof id !== 'string' ||
        !(type === 'item_reference' || (type === undefined && role === undefined))
      )
        continue;
      if (this.store.item(id, owner) !== null) continue;
      const kept = await responses.ofItem(id, owner);
      if (kept?.owner === owner) this.store.put(kept as KeptResponse);
    }
  }

  /** Another replica may have made it, or have deleted it since. */
  async recallResponse(id: string, owner: string): Promise<void> {
    const { shared } = this.context;
    if (shared === null || this.live.has(id)) return;
    let kept: KeptResponse | null;
    try {
      kept = (await shared.responses.get(id)) as KeptResponse | null;
    } catch (error) {
      if (this.store.get(id, owner) !== null) return;
      throw error;
    }
    if (kept === null) this.store.delete(id, owner);
    else if (kept.owner === owner && this.store.get(id, owner) === null) this.store.put(kept);
  }

  /** Deletes a response, at all replicas; false where there is none. */
  async delete(id: string, owner: string): Promise<boolean> {
    await this.recallResponse(id, owner);
    if (!this.store.delete(id, owner)) return false;
    await this.context.shared?.responses.delete(id);
    return true;
  }

  /** Admits a response, for `drive` or `pieces` to run. Rejects with an ApiError where it cannot be taken. */
  async start({
    context,
    request,
    caller,
    sink,
    signal,
    isWarmUp = false,
    previous = null,
    holding,
    log = null,
  }: StartOptions): Promise<ResponseRun> {
    if (request.response.background && log === null)
      throw badRequest('A response over a WebSocket is not made in the background.', 'background');
    const run = await ResponseRun.admit({
      context,
      request,
      caller,
      sink,
      signal,
      isWarmUp,
      log,
      historyBytes: previous?.bytes ?? 0,
      ...(holding && { holding }),
    });
    this.live.set(run.id, run);
    return run;
  }

  /** Runs a response; waits after each event for what `room` returns. Never rejects: the response says what happened. */
  async drive(run: ResponseRun, room: () => Promise<void> | null): Promise<void> {
    try {
      for await (const event of run.events) {
        run.take(event);
        const wait = room();
        if (wait !== null) await wait;
      }
    } catch (thrown) {
      run.fail(thrown);
    } finally {
      this.end(run);
    }
  }

  /** Runs a response as the pieces that its sink has collected; `take` empties it. */
  async *pieces(run: ResponseRun, take: () => string): AsyncGenerator<string, void, void> {
    try {
      for await (const event of run.events) {
        run.take(event);
        const text = take();
        if (text !== '') yield text;
      }
    } catch (thrown) {
      run.fail(thrown);
      yield take();
    } finally {
      this.end(run);
    }
  }

  /** The response, under way or kept. */
  find(id: string, owner: string): ResponseObject | null {
    const live = this.live.get(id);
    if (live !== undefined) return live.caller === owner ? live.response : null;
    return this.store.get(id, owner)?.response ?? null;
  }

  /** Ends a response under way; one that has ended stays as it is. */
  async cancel(id: string, owner: string): Promise<ResponseObject> {
    const live = this.live.get(id);
    if (live?.caller === owner) {
      live.cut('cancelled');
      await live.ended;
      return live.response;
    }
    const kept = this.store.get(id, owner);
    if (kept === null) throw responseNotFound(id);
    return kept.response;
  }

  private conversationOf({ conversation: given }: CreateBody, caller: string): Conversation | null {
    if (given === null || given === undefined) return null;
    return this.conversations.require(typeof given === 'string' ? given : given.id, caller);
  }

  /** The events of a response that was made in the background here, or null. */
  findLog(id: string, owner: string): EventLog | null {
    const live = this.live.get(id);
    if (live !== undefined) return live.caller === owner ? live.log : null;
    return this.store.get(id, owner)?.log ?? null;
  }

  /** As `findLog`. Throws an ApiError where there are none. */
  log(id: string, owner: string): EventLog {
    const log = this.findLog(id, owner);
    if (log) return log;
    if (this.find(id, owner) === null) throw responseNotFound(id);
    throw badRequest('Only a response that was made in the background is streamed afterwards.', 'stream');
  }

  private end(run: ResponseRun): void {
    this.live.delete(run.id);
    run.log?.end();
    const kept = run.kept();
    if (run.response.store) {
      this.store.put(kept);
      // Its events are where it was made.
      const { log: _, ...shared } = kept;
      this.context.shared?.responses.put(shared);
    }
    this.extend(kept);
    run.onEnd();
  }

  /** Adds what was said to the conversation that a response belongs to, unless that is gone or full. */
  private extend({ response, input, owner }: KeptResponse): void {
    if (response.conversation === undefined || response.status === 'failed') return;
    try {
      const conversation = this.conversations.require(response.conversation.id, owner);
      this.conversations.add(conversation, [...input, ...response.output]);
    } catch (thrown) {
      this.context.log.warn({ responseId: response.id, err: thrown }, 'a conversation was not gone on with');
    }
  }
}
