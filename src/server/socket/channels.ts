/** The two forms of a channel: JSON, and MessagePack with sessions that outlive a socket. */

import { unpackFrame } from '../../protocol/msgpack.js';
import type { SessionEvent } from '../../protocol/protocol.js';
import type { Socket } from '../../protocol/ws.js';
import type { ApiError } from '../errors.js';
import { requireFrameShape } from '../gate/frame-shape.js';
import type { Holding } from '../gate/memory.js';
import { requireShape } from '../gate/shape.js';
import { quickBytes } from '../gate/turns.js';
import { BinaryWire } from './binary.js';
import type { Channel } from './connection.js';
import type { SocketLimits } from './limits.js';
import type { Peer, PeerOptions } from './peer.js';
import { JsonWire, toAll } from './wire.js';

export type MakePeer = (wire: PeerOptions['wire']) => Peer;

type ClientFrame = [frame: number, received: number, ...events: unknown[]];

const utf8 = new TextDecoder();

export class JsonChannel implements Channel {
  readonly isBinary = false;
  readonly waitingBytes = 0;
  private readonly peer: Peer;
  private readonly wire: JsonWire;

  constructor(socket: Socket, limits: SocketLimits, makePeer: MakePeer, onIdle: () => void) {
    this.wire = new JsonWire(socket, limits.highWaterBytes);
    this.peer = makePeer(this.wire);
    this.peer.onIdle = onIdle;
  }

  get isBusy(): boolean {
    return this.peer.isBusy;
  }

  get heldBytes(): number {
    return this.peer.heldBytes;
  }

  get holding(): Holding {
    return this.peer.holding;
  }

  read(data: Buffer): unknown {
    const text = utf8.decode(data);
    if (text.length > quickBytes) requireShape(text);
    return JSON.parse(text) as unknown;
  }

  receive(message: unknown): boolean {
    return this.peer.receive(message);
  }

  refuse(error: ApiError): void {
    this.peer.refuse(error);
  }

  event(event: object): void {
    this.wire.event(event, toAll);
  }

  lost(): void {
    this.peer.close();
  }
}

/** A client in the binary form. With an id it is a session: it stays for a while when its socket is cut. */
export class Session {
  readonly id: string | null;
  readonly caller: string;
  readonly peer: Peer;
  readonly wire: BinaryWire;
  private readonly limits: SocketLimits;
  private readonly hooks: SessionHooks;
  private socket: Socket | null;
  private expiry: NodeJS.Timeout | null = null;

  constructor(init: SessionInit, hooks: SessionHooks) {
    const { id, caller, socket, limits, makePeer } = init;
    this.id = id;
    this.caller = caller;
    this.limits = limits;
    this.hooks = hooks;
    this.socket = socket;
    this.wire = new BinaryWire(socket, {
      highWaterBytes: limits.highWaterBytes,
      unreceivedBytes: id === null ? 0 : limits.unreceivedBytes,
    });
    this.peer = makePeer(this.wire);
  }

  get heldBytes(): number {
    return this.peer.heldBytes + this.wire.waitingBytes;
  }

  get isDetached(): boolean {
    return this.socket === null;
  }

  /** Tells the client which session it has, and from where on it has to repeat what it sent. */
  greet(resumed = false): void {
    if (this.id === null) return;
    const event: SessionEvent = {
      type: 'waferflow.session',
      session: this.id,
      resumed,
      grace_ms: this.limits.graceMs,
      window_bytes: this.limits.unreceivedBytes,
      received: this.wire.received,
    };
    this.wire.unnumbered(event);
  }

  /** Goes on through another socket, after the last frame that the client has. */
  attach(socket: Socket, lastFrame: number): void {
    if (this.expiry !== null) clearTimeout(this.expiry);
    this.expiry = null;
    const old = this.socket;
    this.socket = socket;
    old?.terminate();
    this.wire.attach(socket, lastFrame, () => this.greet(true));
  }

  /** The channel of one socket of this session. */
  channel(socket: Socket): Channel {
    const session = this;
    return {
      isBinary: true,
      get isBusy() {
        return session.peer.isBusy;
      },
      get waitingBytes() {
        return session.wire.waitingBytes;
      },
      get heldBytes() {
        return session.heldBytes;
      },
      holding: session.peer.holding,
      read: (data) => {
        if (data.length > quickBytes) requireFrameShape(data);
        return clientFrame(unpackFrame(data));
      },
      receive: (frame) => session.receive(frame as ClientFrame),
      refuse: (error) => session.peer.refuse(error),
      event: (event) => session.wire.unnumbered(event),
      lost: (isOver) => session.lost(socket, isOver),
    };
  }

  /** Ends it for good. */
  end(): void {
    if (this.expiry !== null) clearTimeout(this.expiry);
    this.peer.close();
    this.wire.detach();
    this.hooks.onEnd(this);
  }

  private receive([number, received, ...events]: ClientFrame): boolean {
    const { wire } = this;
    wire.acknowledge(received);
    if (number > 0) {
      // Repeated after a cut, though it had come.
      if (number <= wire.received) return true;
      wire.received = number;
    }
    let isGood = true;
    for (const event of events) isGood = this.peer.receive(event) && isGood;
    return isGood;
  }

  private lost(socket: Socket, isOver: boolean): void {
    // Another socket has taken its place.
    if (this.socket !== socket) return;
    this.socket = null;
    this.wire.detach();
    const isTooMuch = this.wire.waitingBytes > this.limits.waitingBytes;
    if (this.id === null || isOver || isTooMuch || !this.hooks.mayDetach(this)) {
      this.end();
      return;
    }
    this.peer.holding.set(this.heldBytes);
    this.expiry = setTimeout(() => this.end(), this.limits.graceMs);
  }
}

/** Throws where it is no frame. Not a schema's work: there is one for every request. */
function clientFrame(value: unknown): ClientFrame {
  if (!Array.isArray(value) || !isNumber(value[0]) || !isNumber(value[1])) throw new Error('no frame');
  return value as ClientFrame;
}

function isNumber(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export interface SessionInit {
  readonly id: string | null;
  readonly caller: string;
  readonly socket: Socket;
  readonly limits: SocketLimits;
  readonly makePeer: MakePeer;
}

export interface SessionHooks {
  /** Whether it may wait for another socket. */
  mayDetach(session: Session): boolean;
  onEnd(session: Session): void;
}
