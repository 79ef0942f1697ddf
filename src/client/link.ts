/**
 * Frames in both directions over sockets that may be cut: numbered, repeated until the other side has them, so that each
 * arrives once and in order for as long as the server keeps the session.
 */

import { packFrame, unpackFrame } from '../protocol/msgpack.js';
import type { ClientEvent, ServerEntry, SessionEvent } from '../protocol/protocol.js';
import { ConnectionError } from './errors.js';
import type { ClientSocket, OpenSocket } from './socket.js';

/** `open` and again after a cut; `connecting` at first and while it tries again. */
export type LinkState = 'connecting' | 'open' | 'closed';

export interface ReconnectOptions {
  /** Attempts in a row before it gives up; 0 never tries again. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export interface LinkOptions {
  /** Of `/v1/responses`, with `ws:` or `wss:`. */
  readonly url: string;
  readonly apiKey: string | null;
  readonly reconnect: ReconnectOptions;
  readonly open: OpenSocket;
}

export interface LinkHandlers {
  onEntry(entry: ServerEntry): void;
  onState(state: LinkState): void;
  /** The session is gone: nothing that was under way comes to an end. */
  onLost(error: ConnectionError): void;
}

/** Received frames are acknowledged after this time, or earlier where a share of the server's window is used up. */
const acknowledgeMs = 250;
const acknowledgeShare = 0.25;

export class Link {
  state: LinkState = 'connecting';
  private readonly options: LinkOptions;
  private readonly handlers: LinkHandlers;
  private socket: ClientSocket | null = null;
  private session: string | null = null;
  private sentFrame = 0;
  private received = 0;
  /** Frames that the server may not have. */
  private readonly unreceived: { readonly number: number; readonly events: readonly ClientEvent[] }[] = [];
  private outbox: ClientEvent[] = [];
  private silentBytes = 0;
  private windowBytes = Number.POSITIVE_INFINITY;
  private acknowledgeTimer: ReturnType<typeof setTimeout> | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | null = null;
  private failures = 0;

  constructor(options: LinkOptions, handlers: LinkHandlers) {
    this.options = options;
    this.handlers = handlers;
  }

  /** Opens the first socket. Rejects when it cannot be opened. */
  async open(): Promise<void> {
    await this.connect();
  }

  /** Sends an event; what is sent in one turn shares a frame. */
  send(event: ClientEvent): void {
    if (this.state === 'closed') throw new ConnectionError('The client is closed.');
    this.outbox.push(event);
    if (this.outbox.length === 1) queueMicrotask(() => this.flush());
  }

  close(): void {
    this.end();
    this.socket?.close(1000, 'done');
    this.socket = null;
  }

  private async connect(): Promise<void> {
    const { url, apiKey, open } = this.options;
    const target = new URL(url);
    target.searchParams.set('session', this.session ?? 'new');
    target.searchParams.set('received', String(this.received));
    const socket = await open(target.href, apiKey);
    // `ws` gives a view of what it read, which spares a copy.
    if (socket.binaryType === 'blob') socket.binaryType = 'arraybuffer';
    await new Promise<void>((resolve, reject) => {
      let isOpen = false;
      let cause = '';
      socket.onopen = () => {
        isOpen = true;
        if (this.state === 'closed') socket.close(1000, 'done');
        // A session that is gone on with says first what it has; a new one has nothing.
        else if (this.session === null) this.repeat(socket);
        resolve();
      };
      socket.onmessage = ({ data }) => this.receive(socket, data);
      // Browsers do not say it.
      socket.onerror = (event) => {
        cause = (event as { readonly message?: string }).message ?? '';
      };
      socket.onclose = ({ code, reason }) => {
        if (isOpen) this.lost(socket, code);
        else reject(new ConnectionError(notOpened(url, [cause, reason, code].find(Boolean))));
      };
    });
  }

  /** Speaks through this socket from now on. */
  private begin(socket: ClientSocket): void {
    this.socket = socket;
    this.failures = 0;
    this.setState('open');
    // Says that somebody is there; the server waits for a first frame.
    if (this.outbox.length === 0) this.acknowledge();
    else this.flush();
  }

  private receive(socket: ClientSocket, data: unknown): void {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : (data as Uint8Array);
    const [number, received, ...entries] = unpackFrame(bytes) as [number, number, ...ServerEntry[]];
    while ((this.unreceived[0]?.number ?? Number.POSITIVE_INFINITY) <= received) this.unreceived.shift();
    if (number === 0) {
      for (const entry of entries) this.unnumbered(socket, entry);
      return;
    }
    // Frames of a socket that was given up come again through the next one.
    if (number !== this.received + 1) return;
    this.received = number;
    this.silentBytes += bytes.length;
    if (this.silentBytes >= acknowledgeShare * this.windowBytes) this.acknowledge();
    else this.acknowledgeTimer ??= setTimeout(() => this.acknowledge(), acknowledgeMs);
    for (const entry of entries) this.handlers.onEntry(entry);
  }

  private unnumbered(socket: ClientSocket, entry: ServerEntry): void {
    const event = entry[2] as SessionEvent | { readonly type: string };
    if (event.type !== 'waferflow.session') {
      this.handlers.onEntry(entry);
      return;
    }
    const greeting = event as SessionEvent;
    const isFirst = this.session === null;
    this.session = greeting.session;
    this.windowBytes = greeting.window_bytes;
    if (isFirst) return;
    if (!greeting.resumed) {
      this.received = 0;
      this.sentFrame = 0;
      this.unreceived.length = 0;
      this.handlers.onLost(new ConnectionError('The server no longer has this session.'));
    }
    while ((this.unreceived[0]?.number ?? Number.POSITIVE_INFINITY) <= greeting.received)
      this.unreceived.shift();
    this.repeat(socket);
  }

  private repeat(socket: ClientSocket): void {
    for (const { number, events } of this.unreceived)
      socket.send(packFrame([number, this.received, ...events]));
    this.begin(socket);
  }

  private flush(): void {
    const { socket } = this;
    if (socket === null || this.outbox.length === 0) return;
    const events = this.outbox;
    this.outbox = [];
    const number = ++this.sentFrame;
    this.unreceived.push({ number, events });
    this.silentBytes = 0;
    socket.send(packFrame([number, this.received, ...events]));
  }

  private acknowledge(): void {
    if (this.acknowledgeTimer !== null) clearTimeout(this.acknowledgeTimer);
    this.acknowledgeTimer = null;
    this.silentBytes = 0;
    this.socket?.send(packFrame([0, this.received]));
  }

  private lost(socket: ClientSocket, code: number): void {
    if (this.state === 'closed') return;
    // Another one has taken its place, or is about to.
    if (this.socket !== null && this.socket !== socket) return;
    this.socket = null;
    this.setState('connecting');
    this.retry(code);
  }

  private retry(code: number): void {
    const { attempts, firstDelayMs, maxDelayMs } = this.options.reconnect;
    if (this.failures >= attempts) {
      this.giveUp(code);
      return;
    }
    const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.failures++;
    this.retryTimer = setTimeout(() => {
      this.connect().catch(() => {
        if (this.state !== 'closed') this.retry(code);
      });
    }, delayMs);
  }

  private giveUp(code: number): void {
    this.end();
    this.handlers.onLost(new ConnectionError(`The connection is lost (close code ${code}).`));
  }

  private end(): void {
    if (this.acknowledgeTimer !== null) clearTimeout(this.acknowledgeTimer);
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.setState('closed');
  }

  private setState(state: LinkState): void {
    if (this.state === state) return;
    this.state = state;
    this.handlers.onState(state);
  }
}

function notOpened(url: string, given: string | number | undefined): string {
  return `${url}: got ${given}, expected a WebSocket of a waferflow server. Start one by \`waferflow serve\`, or look at the address and key.`;
}
