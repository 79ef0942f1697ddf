/** Requests that ask for another protocol: WebSockets go to their surface, all others are answered as HTTP/1.1. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { admitCaller, type ServerContext } from './context.js';
import { ApiError, errorHeaders, toApiError } from './errors.js';
import { openAiError } from './http.js';

export function wantsWebSocket({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? '').split(',').some((name) => name.trim().toLowerCase() === 'websocket');
}

/**
 * Puts the request back in front of what the socket still has to say, without its wish, so that the socket can be
 * served from the start: a server ignores an Upgrade that it does not know (RFC 9110, 7.8), h2c for one.
 */
export function goOnAsHttp(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  const { rawHeaders } = request;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    if (/^(?:upgrade|http2-settings)$/i.test(name)) continue;
    if (!/^connection$/i.test(name)) lines.push(`${name}: ${value}`);
    else if (/\bclose\b/i.test(value)) lines.push('Connection: close');
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
}

/** Checks an upgrade as any request, and hands it to the surface of its path. */
export function upgrade(
  context: ServerContext,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  socket.on('error', () => socket.destroy());
  try {
    const caller = admitCaller(context, request.headers);
    context.lifecycle.requireOpen();
    const [path = ''] = (request.url ?? '').split('?', 1);
    const handler = context.upgrades.get(path);
    if (!handler) {
      const message = `No WebSocket is spoken at ${path.slice(0, 200)}.`;
      throw new ApiError({ status: 404, type: 'invalid_request_error', code: 'not_found', message });
    }
    handler(request, socket, head, caller);
  } catch (thrown) {
    refuseUpgrade(socket, toApiError(thrown));
  }
}

/** A client that was refused has so long to read why. */
const REFUSED_MS = 5000;

/** A whole HTTP answer on the socket of an upgrade that is not to be. */
function refuseUpgrade(socket: Duplex, error: ApiError): void {
  const body = JSON.stringify(openAiError(error, ''));
  const headers = {
    ...errorHeaders(error.facts),
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  setTimeout(() => socket.destroy(), REFUSED_MS).unref();
  socket.end(`HTTP/1.1 ${error.facts.status} Refused\r\n${lines.join('')}\r\n${body}`);
}
