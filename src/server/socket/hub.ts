/** All sockets and sessions of the server: which may open, which must go. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { binarySubprotocol, jsonSubprotocol } from '../../protocol/protocol.js';
import { Acceptor, type Socket } from '../../protocol/ws.js';
import { ApiError, unavailable } from '../errors.js';
import type { Caller } from '../gate/keys.js';
import { newId } from '../responses/ids.js';
import type { ResponsesService } from '../responses/service.js';
import { JsonChannel, type MakePeer, Session } from './channels.js';
import { type Channel, Connection, closeCode } from './connection.js';
import type { SocketLimits } from './limits.js';
import { Peer } from './peer.js';

/** How long a client has to answer a close. */
const goodbyeMs = 250;

/** What the address of an upgrade asks for. */
interface Asked {
  /** `new`, the id of a session, or null for none. */
  readonly session: string | null;
  /** Number of the last frame that the client has. */
  readonly received: number;
}

export class SocketHub {
  private readonly service: ResponsesService;
  private readonly limits: SocketLimits;
  private readonly acceptor: Acceptor;
  private readonly connections = new Set<Connection>();
  private readonly sessions = new Map<string, Session>();
  private readonly clock: NodeJS.Timeout;

  constructor(service: ResponsesService, limits: SocketLimits) {
    this.service = service;
    this.limits = limits;
    const counts = service.context.metrics.sockets;
    counts.connections = () => this.connections.size;
    counts.detachedSessions = () => [...this.sessions.values()].filter(({ isDetached }) => isDetached).length;
    this.acceptor = new Acceptor({
      counts,
      maxMessageBytes: limits.messageBytes,
      maxFragments: limits.fragments,
      chooseProtocol: (offered) =>
        [binarySubprotocol, jsonSubprotocol].find((one) => offered.has(one)) ?? false,
    });
    const { firstFrameMs, idleMs, pingMs, lifetimeMs, stallMs } = limits;
    const shortestMs = Math.min(firstFrameMs, idleMs, pingMs, lifetimeMs, stallMs);
    this.clock = setInterval(() => this.check(), Math.max(10, shortestMs / 4));
    this.clock.unref();
    service.context.lifecycle.draining.addEventListener('abort', () => this.drain());
  }

  /** Takes an upgrade whose key is good. Throws an ApiError where there is no room. */
  upgrade(request: IncomingMessage, raw: Duplex, head: Buffer, caller: Caller): void {
    if (this.connections.size >= this.limits.connections)
      throw unavailable('server_is_overloaded', 'The server has as many connections as it takes.', 5000);
    const asked = askedOf(request);
    this.acceptor.accept(request, raw, head, (socket) => this.open(socket, request, caller, asked));
  }

  /** Ends everything; clients that do not answer the goodbye are cut off. */
  async close(): Promise<void> {
    clearInterval(this.clock);
    this.drain();
    for (const session of [...this.sessions.values()]) session.end();
    const deadlineMs = performance.now() + goodbyeMs;
    while (this.connections.size > 0 && performance.now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, 5));
    for (const connection of this.connections) connection.terminate();
  }

  private open(socket: Socket, request: IncomingMessage, { name }: Caller, asked: Asked): Connection {
    const { limits, service } = this;
    const { keys } = service.context;
    // The key again, at every response: it may have been taken back since.
    const authorize = (): string => keys.authenticate(request.headers).name;
    const { memory, turns } = service.context;
    const makePeer: MakePeer = (wire) =>
      new Peer({ service, wire, limits, authorize, holding: memory.hold(name) });
    const onIdle = (): void => connection.settle();
    const channel =
      socket.protocol === binarySubprotocol
        ? this.binaryChannel(socket, name, asked, makePeer, onIdle)
        : new JsonChannel(socket, limits, makePeer, onIdle);
    const connection: Connection = new Connection(socket, channel, limits, {
      turns,
      owner: name,
      onEnd: () => this.connections.delete(connection),
    });
    this.connections.add(connection);
    return connection;
  }

  private binaryChannel(
    socket: Socket,
    caller: string,
    asked: Asked,
    makePeer: MakePeer,
    onIdle: () => void,
  ): Channel {
    const known = asked.session === null ? undefined : this.sessions.get(asked.session);
    if (known?.caller === caller && known.wire.canResumeAfter(asked.received)) {
      known.peer.onIdle = onIdle;
      known.attach(socket, asked.received);
      return known.channel(socket);
    }
    const id = asked.session === null ? null : newId('sess');
    const session = new Session(
      { id, caller, socket, limits: this.limits, makePeer },
      {
        mayDetach: (one) => this.mayDetach(one),
        onEnd: (one) => {
          if (one.id !== null) this.sessions.delete(one.id);
        },
      },
    );
    session.peer.onIdle = onIdle;
    if (id !== null) this.sessions.set(id, session);
    session.greet();
    return session.channel(socket);
  }

  private mayDetach({ caller }: Session): boolean {
    if (this.service.context.lifecycle.draining.aborted) return false;
    const detached = [...this.sessions.values()].filter(({ isDetached }) => isDetached);
    const own = detached.filter((one) => one.caller === caller);
    return detached.length <= this.limits.detached && own.length <= this.limits.detachedPerCaller;
  }

  private check(): void {
    const nowMs = performance.now();
    for (const connection of this.connections) connection.check(nowMs);
  }

  private drain(): void {
    for (const session of [...this.sessions.values()]) if (session.isDetached) session.end();
    const error = unavailable(
      'server_shutting_down',
      'The server is shutting down: use another one, or try later.',
      5000,
    );
    for (const connection of this.connections) connection.end(closeCode.goingAway, error);
  }
}

/** Throws an ApiError on numbers that are none. */
function askedOf({ url = '' }: IncomingMessage): Asked {
  const query = new URLSearchParams(url.split('?', 2)[1] ?? '');
  const received = Number(query.get('received') ?? 0);
  if (Number.isSafeInteger(received) && received >= 0) return { session: query.get('session'), received };
  throw new ApiError({
    status: 400,
    type: 'invalid_request_error',
    code: 'invalid_value',
    message: '`received` is the number of the last frame, a whole number.',
    param: 'received',
  });
}
