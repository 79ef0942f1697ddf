/** One socket of a client, from upgrade to close: its frames, its timers, and what happens when they run out. */

import type { Socket, SocketHandlers } from '../../protocol/ws.js';
import { ApiError, badRequest } from '../errors.js';
import type { Holding } from '../gate/memory.js';
import { quickBytes, type Turns } from '../gate/turns.js';
import { requestError } from './events.js';
import type { SocketLimits } from './limits.js';

/** Close codes of RFC 6455 that are used here. */
export const closeCode = {
  normal: 1000,
  goingAway: 1001,
  unsupported: 1003,
  invalid: 1007,
  policy: 1008,
} as const;

/** What a connection carries: a peer in one of the two forms. */
export interface Channel {
  readonly isBinary: boolean;
  readonly isBusy: boolean;
  /** Bytes that are kept for the client, beside those in the socket. */
  readonly waitingBytes: number;
  /** These, and all else that is held for the client. */
  readonly heldBytes: number;
  readonly holding: Holding;
  /** What a message says. Throws an ApiError where there is more in it than may be, and anything else where it is none. */
  read(data: Buffer): unknown;
  /** Takes what a message says. Returns false where it made no sense to the peer. */
  receive(message: unknown): boolean;
  /** No response is begun any more. */
  refuse(error: ApiError): void;
  /** Says something that belongs to no response. */
  event(event: object): void;
  /** The socket is gone. */
  lost(isOver: boolean): void;
}

/** Messages of one connection that are taken within one turn of the event loop; more of them wait. */
const mostAtOnce = 32;
/** Messages that waited are taken for so long, then others have their turn. */
const sliceMs = 1;

/** What a message of the client says, which may be anything. */
interface Said {
  readonly message: unknown;
}

interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

export interface ConnectionHooks {
  readonly turns: Turns;
  /** Whose it is. */
  readonly owner: string;
  readonly onEnd: () => void;
}

export class Connection implements SocketHandlers {
  private readonly socket: Socket;
  private readonly channel: Channel;
  private readonly limits: SocketLimits;
  private readonly hooks: ConnectionHooks;
  private readonly openedMs = performance.now();
  private lastFrameMs: number | null = null;
  private pingedMs = this.openedMs;
  private pongedMs = this.openedMs;
  private badFrames = 0;
  /** Messages that wait for their turn. */
  private readonly waiting: Message[] = [];
  /** Messages taken in this turn of the event loop. */
  private taken = 0;
  /** What came of a message that is not whole yet. */
  private partBytes = 0;
  private lowestBytes = 0;
  private progressMs = this.openedMs;
  /** Why it ends as soon as nothing is under way. */
  private ending: { readonly code: number; readonly error: ApiError } | null = null;

  constructor(socket: Socket, channel: Channel, limits: SocketLimits, hooks: ConnectionHooks) {
    this.socket = socket;
    this.channel = channel;
    this.limits = limits;
    this.hooks = hooks;
  }

  onBytes(count: number): void {
    this.partBytes += count;
    if (this.partBytes <= quickBytes) return;
    try {
      this.channel.holding.resize(this.heldBytes);
    } catch {
      // There is no room for what it sends.
      this.socket.terminate();
    }
  }

  /** Takes it at once, unless it is large, one of many, or behind such ones. */
  onMessage(data: Buffer, isBinary: boolean): void {
    this.lastFrameMs = performance.now();
    this.partBytes = 0;
    const isFirst = this.waiting.length === 0;
    if (isFirst && data.length <= quickBytes && this.taken < mostAtOnce) {
      if (this.taken++ === 0) setImmediate(this.turnEnd);
      this.take(this.read(data, isBinary));
      return;
    }
    this.waiting.push({ data, isBinary });
    if (!isFirst) return;
    this.socket.pause();
    this.takeByTurns().catch(() => this.socket.terminate());
  }

  private async takeByTurns(): Promise<void> {
    const { turns, owner } = this.hooks;
    while (this.waiting.length > 0) {
      await turns.next(owner);
      const endMs = performance.now() + sliceMs;
      while (this.waiting.length > 0) {
        const { data, isBinary } = this.waiting[0]!;
        const said = this.read(data, isBinary);
        const isLarge = data.length > quickBytes;
        // What the peer makes of it takes as long again.
        if (isLarge) await turns.again(owner);
        // The socket may have gone meanwhile.
        if (this.waiting.shift() !== undefined) this.take(said);
        if (isLarge || performance.now() > endMs) break;
      }
    }
    this.socket.resume();
  }

  private readonly turnEnd = (): void => {
    this.taken = 0;
  };

  private get heldBytes(): number {
    let bytes = this.partBytes + this.channel.heldBytes + this.socket.bufferedBytes;
    for (const { data } of this.waiting) bytes += data.length;
    return bytes;
  }

  /** What a message says, or null where the client was told that it makes no sense. */
  private read(data: Buffer, isBinary: boolean): Said | null {
    if (isBinary !== this.channel.isBinary) {
      this.socket.close(closeCode.unsupported, isBinary ? 'send text frames' : 'send binary frames');
      return null;
    }
    try {
      return { message: this.channel.read(data) };
    } catch (thrown) {
      const error = thrown instanceof ApiError ? thrown : null;
      if (isBinary)
        this.socket.close(closeCode.invalid, error?.message ?? 'this is no frame of the protocol');
      else
        this.channel.event(
          requestError(error ?? badRequest('This frame is no JSON.', undefined, 'invalid_json')),
        );
      return null;
    }
  }

  private take(said: Said | null): void {
    const isGood = said !== null && this.channel.receive(said.message);
    if (this.channel.waitingBytes + this.socket.bufferedBytes > this.limits.waitingBytes) {
      this.socket.terminate();
      return;
    }
    this.channel.holding.set(this.heldBytes);
    this.badFrames = isGood ? 0 : this.badFrames + 1;
    if (this.badFrames >= this.limits.badFrames)
      this.socket.close(closeCode.policy, 'too many frames made no sense');
  }

  onPong(): void {
    this.pongedMs = performance.now();
  }

  onClose(code: number): void {
    this.waiting.length = 0;
    this.channel.lost(code === closeCode.normal);
    this.hooks.onEnd();
  }

  /** Looks at the clocks; called several times within the shortest of the times. */
  check(nowMs: number): void {
    const { socket, limits, channel } = this;
    channel.holding.set(this.heldBytes);
    if (this.isStalled(nowMs)) {
      socket.terminate();
      return;
    }
    if (nowMs - this.pingedMs >= limits.pingMs) {
      if (this.pongedMs < this.pingedMs) {
        socket.terminate();
        return;
      }
      this.pingedMs = nowMs;
      socket.ping();
    }
    if (this.lastFrameMs === null) {
      if (nowMs - this.openedMs >= limits.firstFrameMs) socket.close(closeCode.policy, 'no frame came');
    } else if (!channel.isBusy && nowMs - this.lastFrameMs >= limits.idleMs) {
      socket.close(closeCode.goingAway, 'idle for too long');
    }
    if (nowMs - this.openedMs >= limits.lifetimeMs) this.end(closeCode.goingAway, lifetimeOver(limits));
  }

  /** Ends it with the last response under way; says why. */
  end(code: number, error: ApiError): void {
    if (this.ending !== null) return;
    this.ending = { code, error };
    this.channel.refuse(error);
    this.settle();
  }

  terminate(): void {
    this.socket.terminate();
  }

  /** Called when nothing is under way any more. */
  settle(): void {
    const { ending } = this;
    if (ending === null || this.channel.isBusy) return;
    this.channel.event(requestError(ending.error));
    // After what the turn has still to send.
    setImmediate(() => this.socket.close(ending.code, ending.error.facts.code));
  }

  /** Nothing is sent above the mark, so unsent bytes only become fewer, as long as the client takes some. */
  private isStalled(nowMs: number): boolean {
    const { bufferedBytes } = this.socket;
    if (bufferedBytes === 0 || bufferedBytes < this.lowestBytes || this.lowestBytes === 0) {
      this.lowestBytes = bufferedBytes;
      this.progressMs = nowMs;
    }
    return nowMs - this.progressMs >= this.limits.stallMs;
  }
}

function lifetimeOver({ lifetimeMs }: SocketLimits): ApiError {
  return new ApiError({
    status: 400,
    type: 'invalid_request_error',
    code: 'websocket_connection_limit_reached',
    message: `A connection lives for ${Math.round(lifetimeMs / 60_000)} minutes: open a new one.`,
  });
}
