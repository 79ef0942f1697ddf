/**
 * Client of a waferflow server, for Node and browsers: one connection, many responses side by side, which go on after a
 * cut without a token lost or repeated.
 */
import type { ServerEntry, SteerEvent } from '../protocol/protocol.js';
import { ConnectionError } from './errors.js';
import { Link, type LinkState, type ReconnectOptions } from './link.js';
import { type OpenSocket, openSocket } from './socket.js';
import { ResponseStream } from './stream.js';

export { ConnectionError, ServerError, type ServerErrorFacts } from './errors.js';
export type { LinkState, ReconnectOptions } from './link.js';
export type { ClientSocket, OpenSocket } from './socket.js';
export type { ClientResponse, ClientStreamEvent, ResponseStream } from './stream.js';

export interface ClientOptions {
  /** Of the server, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly apiKey?: string;
  /** Default: 8 attempts, 100 ms to 5 s apart. */
  readonly reconnect?: Partial<ReconnectOptions>;
  readonly onState?: (state: LinkState) => void;
  /** Opens sockets; default: the platform's. */
  readonly openSocket?: OpenSocket;
}

/** A request as `POST /v1/responses` takes it; `lane` lets requests run side by side, those of one lane run in turn. */
export interface ResponseParams {
  readonly [field: string]: unknown;
  readonly input: unknown;
  readonly lane?: string;
}

export interface RespondOptions {
  /** Cancels the response. */
  readonly signal?: AbortSignal;
}

const defaultReconnect: ReconnectOptions = { attempts: 8, firstDelayMs: 100, maxDelayMs: 5000 };

/** Opens a connection. Rejects with a ConnectionError when the server does not take it. */
export async function connect(options: ClientOptions): Promise<Client> {
  const client = new Client(options);
  await client.open();
  return client;
}

export class Client {
  private readonly link: Link;
  private readonly streams = new Map<number, ResponseStream>();
  private lastRequest = 0;

  constructor({
    url,
    apiKey,
    reconnect,
    onState = () => undefined,
    openSocket: open = openSocket,
  }: ClientOptions) {
    if (!URL.canParse(url)) {
      throw new ConnectionError(
        `url: got ${JSON.stringify(url)}, expected the address of a server. Write, for example, http://127.0.0.1:8080.`,
      );
    }
    const target = new URL('/v1/responses', url);
    target.protocol = target.protocol === 'https:' || target.protocol === 'wss:' ? 'wss:' : 'ws:';
    this.link = new Link(
      { url: target.href, apiKey: apiKey ?? null, reconnect: { ...defaultReconnect, ...reconnect }, open },
      {
        onEntry: (entry) => this.take(entry),
        onState,
        onLost: (error) => this.failAll(error),
      },
    );
  }

  get state(): LinkState {
    return this.link.state;
  }

  open(): Promise<void> {
    return this.link.open();
  }

  /** Asks for a response. Give `previous_response_id` and only the new input to go on from an earlier one. */
  respond({ lane, ...body }: ResponseParams, { signal }: RespondOptions = {}): ResponseStream {
    const request = ++this.lastRequest;
    const stream = new ResponseStream({
      cancel: () => this.link.send({ type: 'response.cancel', request }),
      steer: (id, input) => this.link.send({ type: 'response.steer', previous_response_id: id, input }),
    });
    const own = { type: 'response.create', request, ...(lane !== undefined && { stream_id: lane }) } as const;
    // Not a spread with more behind it: each property that is new then takes Node.js 20 a microsecond.
    this.link.send(Object.assign({}, body, own));
    this.streams.set(request, stream);
    if (signal !== undefined) {
      const cancel = (): void => stream.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
      const forget = (): void => signal.removeEventListener('abort', cancel);
      stream.response.then(forget, forget);
    }
    return stream;
  }

  /** Fills the server's caches with a prompt, and gives the id to go on from. */
  async warmUp(params: ResponseParams): Promise<string> {
    const { id } = await this.respond({ ...params, generate: false }).response;
    return id;
  }

  /** Ends everything that is under way. */
  close(): void {
    this.link.close();
    this.failAll(new ConnectionError('The client is closed.'));
  }

  private take(entry: ServerEntry): void {
    const request = entry[1] === 0 ? this.requestOfSteer(entry[2]) : entry[1];
    const stream = this.streams.get(request);
    if (stream?.take(entry) === true) this.streams.delete(request);
  }

  /** A steer that came too late is answered without the number of its request. */
  private requestOfSteer(event: unknown): number {
    const { steer } = event as Partial<SteerEvent>;
    for (const [request, stream] of this.streams)
      if (steer !== undefined && stream.id === steer.previous_response_id) return request;
    return 0;
  }

  private failAll(error: ConnectionError): void {
    for (const stream of this.streams.values()) stream.fail(error);
    this.streams.clear();
  }
}
