/**
 * The engine's calls to its leader that have not returned: what the feed says of each is handed to those who watch it,
 * and a crew that fails, or an engine that is closed, ends them all.
 */
import { CTL_ABORT, CTL_BARRIER_GENERATION, CTL_EPOCH } from '../../../kernels/program/instructions.js';
import { EngineError, messageOf } from '../../core/errors.js';
import { FEED_DRAFT, FEED_QUEUE, FEED_TOKEN, type FeedReader } from '../feed.js';
import { readLogprobs } from '../leader/logprobs.js';
import type { Crew } from './crew.js';
import type { Drafts } from './drafts.js';
import type { Stream } from './stream.js';

/** What leads to the leader and back. */
export interface LeaderLine {
  readonly feed: FeedReader;
  readonly crew: Crew;
  readonly memories: readonly WebAssembly.Memory[];
  /** Where the control words lie in each of them. */
  readonly control: number;
}

interface Watcher {
  readonly stream: Stream | null;
  /** Null for a request without drafts by another model. */
  readonly drafts: Pick<Drafts, 'push' | 'ask'> | null;
  readonly onPrefill: ((done: number, total: number) => void) | undefined;
  readonly onQueue: ((position: number, cachedTokens?: number) => void) | undefined;
  readonly total: number;
}

export class LeaderCalls {
  /** Resolves when no call can be made any more: with the failure, or with null after `close`. */
  readonly ended: Promise<Error | null>;
  private readonly line: LeaderLine;
  private readonly watchers = new Map<number, Watcher>();
  /** Rejects for each call to the leader that has not returned. */
  private readonly calls = new Set<(error: unknown) => void>();
  private isFollowing: boolean = false;
  private failure: unknown = null;
  private settle: (error: Error | null) => void = () => undefined;

  constructor(line: LeaderLine) {
    this.line = line;
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
    line.crew.failed.catch((error: unknown) => this.fail(error));
  }

  /** Ends every call in `error`, as was wished. */
  close(error: EngineError): void {
    this.settle(null);
    this.fail(error);
    // Who waits for the feed holds its memory.
    this.line.feed.wake();
  }

  /** From here on every call ends in `error`, those under way too; no worker waits for another any more. */
  private fail(error: unknown): void {
    this.failure ??= error;
    if (error instanceof Error) this.settle(error);
    for (const { buffer } of this.line.memories) {
      const words = new Int32Array(buffer, this.line.control);
      Atomics.store(words, CTL_ABORT, 1);
      for (const word of [CTL_EPOCH, CTL_BARRIER_GENERATION]) Atomics.notify(words, word);
    }
    for (const reject of this.calls) reject(this.failure);
  }

  /** Sends a call whose answer does not matter. */
  tell(call: Promise<unknown>): void {
    this.line.feed.mail();
    call.catch(() => undefined);
  }

  /** The answer of a call for a request, or the failure that keeps it from ever coming. */
  async ask<T>(
    call: Promise<T>,
    request: Partial<Watcher> & { readonly request: number; readonly total: number },
  ): Promise<T> {
    this.line.feed.mail();
    const { stream = null, drafts = null, onPrefill, onQueue, total } = request;
    this.watchers.set(request.request, { stream, drafts, onPrefill, onQueue, total });
    this.line.crew.hold(true);
    let breakCall: (error: unknown) => void = () => undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        breakCall = reject;
        this.calls.add(reject);
        if (this.failure !== null) reject(this.failure);
        call.then(resolve, reject);
        this.follow();
      });
    } catch (error) {
      if (this.failure !== null) throw this.failure;
      // Only the message of an error comes across from the leader.
      const todo = 'Try again; if it happens again, please report it.';
      const facts = { what: 'worker 0', given: messageOf(error), expected: 'a finished job', todo };
      throw new EngineError(facts, { cause: error });
    } finally {
      // What the leader wrote before it answered has to arrive before the answer.
      this.drain();
      this.calls.delete(breakCall);
      this.watchers.delete(request.request);
      if (this.watchers.size === 0) this.line.crew.hold(false);
    }
  }

  /** Reads the feed for as long as there are requests. */
  private follow(): void {
    if (this.isFollowing) return;
    this.isFollowing = true;
    const loop = async (): Promise<void> => {
      const { feed } = this.line;
      while (this.watchers.size > 0 && this.failure === null) {
        const { turn } = feed;
        this.drain();
        await feed.turned(turn);
      }
      this.isFollowing = false;
    };
    loop().catch((error: unknown) => this.fail(error));
  }

  private drain(): void {
    this.line.feed.drain((request, kind, payload) => {
      const watcher = this.watchers.get(request);
      if (watcher === undefined) return;
      try {
        hand(watcher, kind, payload);
      } catch (error) {
        // A callback of the caller's threw: that ends its own request only.
        watcher.stream?.fail(error);
      }
    });
  }
}

/** What a record of the feed says, to those who want to know. */
function hand(
  { stream, drafts, onPrefill, onQueue, total }: Watcher,
  kind: number,
  payload: Int32Array,
): void {
  if (kind === FEED_TOKEN) {
    drafts?.push(payload[0]!);
    stream?.push(payload[0]!, readLogprobs(payload));
  } else if (kind === FEED_DRAFT) drafts?.ask();
  else if (kind === FEED_QUEUE) onQueue?.(payload[0]!, payload[1]);
  else onPrefill?.(payload[0]!, total);
}
