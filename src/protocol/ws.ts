/** The one file that knows `ws`: sockets of the server, and of the client library where no other WebSocket is. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';

/** What goes over WebSockets: counted where it happens, and read when metrics are asked for. */
export interface SocketCounts {
  receivedFrames: number;
  receivedBytes: number;
  sentFrames: number;
  sentBytes: number;
  /** Set by who holds them. */
  connections: () => number;
  detachedSessions: () => number;
}

export interface SocketHandlers {
  /** So many bytes came, of a message that may not be whole yet. */
  onBytes(count: number): void;
  onMessage(data: Buffer, isBinary: boolean): void;
  onPong(): void;
  /** Once, however it ended. */
  onClose(code: number): void;
}

export interface AcceptorOptions {
  /** Bytes of the largest message. */
  readonly maxMessageBytes: number;
  readonly maxFragments: number;
  /** Of the subprotocols that a client offers, the one that is spoken. */
  readonly chooseProtocol: (offered: ReadonlySet<string>) => string | false;
  readonly counts: SocketCounts;
}

/** Turns upgrades into sockets. */
export class Acceptor {
  private readonly server: WebSocketServer;
  private readonly counts: SocketCounts;

  constructor({ maxMessageBytes, maxFragments, chooseProtocol, counts }: AcceptorOptions) {
    this.counts = counts;
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      maxFragments,
      handleProtocols: chooseProtocol,
    });
  }

  accept(
    request: IncomingMessage,
    raw: Duplex,
    head: Buffer,
    handlers: (socket: Socket) => SocketHandlers,
  ): void {
    this.server.handleUpgrade(request, raw, head, (ws) => {
      const socket = new Socket(ws, raw, this.counts);
      socket.listen(handlers(socket));
    });
  }
}

/** A socket of the server. */
export class Socket {
  private readonly ws: WebSocket;
  private readonly raw: Duplex;
  private readonly counts: SocketCounts;
  /** Ends the turn, if something was sent in it. */
  private turnEnd: NodeJS.Immediate | null = null;

  constructor(ws: WebSocket, raw: Duplex, counts: SocketCounts) {
    this.ws = ws;
    this.raw = raw;
    this.counts = counts;
  }

  get protocol(): string {
    return this.ws.protocol;
  }

  get isOpen(): boolean {
    return this.ws.readyState === WebSocket.OPEN;
  }

  /** Bytes that the network has not taken yet. */
  get bufferedBytes(): number {
    return this.ws.bufferedAmount;
  }

  listen(handlers: SocketHandlers): void {
    const { ws, raw, counts } = this;
    raw.on('data', (chunk: Buffer) => handlers.onBytes(chunk.length));
    ws.on('message', (data, isBinary) => {
      counts.receivedFrames++;
      counts.receivedBytes += (data as Buffer).length;
      handlers.onMessage(data as Buffer, isBinary);
    });
    ws.on('pong', () => handlers.onPong());
    // `ws` answers a broken frame with the right close code itself; the close follows.
    ws.on('error', () => undefined);
    ws.once('close', (code: number) => handlers.onClose(code));
  }

  /** Sends a frame now. */
  sendNow(data: Uint8Array): void {
    if (!this.isOpen) return;
    this.counts.sentFrames++;
    this.counts.sentBytes += data.length;
    this.ws.send(data);
  }

  /** Sends a frame with those of the same turn of the event loop, in one write. */
  send(data: string): void {
    if (!this.isOpen) return;
    if (this.turnEnd === null) {
      this.raw.cork();
      this.turnEnd = setImmediate(this.uncork);
    }
    this.counts.sentFrames++;
    this.counts.sentBytes += Buffer.byteLength(data);
    this.ws.send(data);
  }

  /** Settles when all that was sent has been taken, or when the socket is gone. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.raw.off('drain', done);
        this.raw.off('close', done);
        resolve();
      };
      this.raw.once('drain', done);
      this.raw.once('close', done);
      if (this.raw.destroyed || this.bufferedBytes === 0) done();
    });
  }

  /** Reads no more until `resume`; what was read already may still come. */
  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    this.ws.resume();
  }

  ping(): void {
    if (this.isOpen) this.ws.ping();
  }

  close(code: number, reason: string): void {
    this.ws.close(code, reason);
  }

  /** Ends it without a handshake. */
  terminate(): void {
    this.ws.terminate();
  }

  /** Ends the turn for what `send` collected. */
  flush(): void {
    if (this.turnEnd === null) return;
    clearImmediate(this.turnEnd);
    this.uncork();
  }

  private readonly uncork = (): void => {
    this.turnEnd = null;
    this.raw.uncork();
  };
}

export interface ConnectOptions {
  readonly protocols: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/** A client's socket, with the methods that browsers know. */
export function connectSocket(url: string, { protocols, headers }: ConnectOptions): WebSocket {
  return new WebSocket(url, [...protocols], {
    headers,
    perMessageDeflate: false,
    maxPayload: 64 * 1024 * 1024,
  });
}
