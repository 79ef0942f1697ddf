/**
 * Streamed answers over HTTP. What a slow client has not taken yet is bounded: while the socket is full nothing is
 * pulled from the engine, which then puts tokens together and at last pauses the sequence; after a while without any
 * progress the client is cut off.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { ServerContext } from './context.js';
import { type ApiError, toApiError } from './errors.js';

export interface StreamForm {
  readonly contentType: string;
  /** Sent when nothing else was for a while; null for forms that know no comments. */
  readonly ping: string | null;
  /** The last piece of a stream that broke. */
  readonly errorFrame: (error: ApiError) => string;
}

export const sseContentType = 'text/event-stream; charset=utf-8';
export const ssePing = ': ping\n\n';

/** Streams that were begun before there was a first piece. */
const begun = new WeakMap<ServerResponse, StreamForm>();

/** Begins a stream, if need be, and tells its client what it waits for, where the form has words for that. */
export function noteInStream(
  context: ServerContext,
  reply: FastifyReply,
  form: StreamForm,
  note: string,
): void {
  const { raw } = reply;
  if (form.contentType !== sseContentType || raw.destroyed || raw.writableNeedDrain) return;
  if (!begun.has(raw)) begin(context, reply, form);
  begun.set(raw, form);
  raw.write(`: ${note}\n\n`);
}

/** Ends a stream that was begun with an error; false where none was. */
export function endBegunStream({ raw }: FastifyReply, error: ApiError): boolean {
  const form = begun.get(raw);
  if (form === undefined) return false;
  raw.end(form.errorFrame(error));
  return true;
}

function begin(context: ServerContext, reply: FastifyReply, form: StreamForm): void {
  const { raw } = reply;
  reply.headers(context.rates.headers(reply.request.caller));
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) raw.setHeader(name, value);
  }
  raw.writeHead(200, {
    'content-type': form.contentType,
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
}

/** The status line waits so long for the first piece, so that an early error can still have a status of its own. */
const HEADERS_AFTER_MS = 250;

/**
 * Sends pieces until they end. An error before the first piece is thrown, for the surface's error handler; a later
 * one becomes the last piece.
 */
export async function sendStream(
  context: ServerContext,
  reply: FastifyReply,
  pieces: AsyncIterable<string>,
  form: StreamForm,
): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = iterator.next();
  await settledWithin(first, HEADERS_AFTER_MS);
  const { raw } = reply;
  reply.hijack();
  if (!begun.has(raw)) begin(context, reply, form);
  const { pingMs, stallMs } = context.limits;
  let lastMs = performance.now();
  const pinger = setInterval(() => {
    if (form.ping === null || raw.destroyed || raw.writableNeedDrain || performance.now() - lastMs < pingMs)
      return;
    lastMs = performance.now();
    raw.write(form.ping);
  }, pingMs);
  pinger.unref();
  try {
    for (let next = await first; next.done !== true && !raw.destroyed; next = await iterator.next()) {
      lastMs = performance.now();
      if (!raw.write(next.value)) await drained(reply, stallMs);
    }
    raw.end();
  } catch (error) {
    raw.end(form.errorFrame(toApiError(error)));
  } finally {
    clearInterval(pinger);
    await iterator.return?.();
  }
}

/** Waits; rejects with what the promise rejects with within that time. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until the client has taken what was sent, or cuts it off. */
function drained({ raw }: FastifyReply, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      raw.off('drain', done);
      raw.off('close', done);
      resolve();
    };
    const timer = setTimeout(() => raw.destroy(), stallMs);
    raw.once('drain', done);
    raw.once('close', done);
    if (raw.destroyed) done();
  });
}
