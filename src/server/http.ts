/** What the HTTP surfaces share: bodies checked by a schema, errors in a form of their own, and the client's going. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { MiB } from '../core/units.js';
import { ApiError, badRequest, errorHeaders, toApiError } from './errors.js';
import type { Caller } from './gate/keys.js';
import type { Holding } from './gate/memory.js';
import type { Log } from './log.js';
import { endBegunStream } from './stream.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether each call is one request of its key, taken before anything is done. */
    isCounted?: boolean;
  }
  interface FastifyRequest {
    /** Set by the hook that checks keys, before any handler. */
    caller: Caller;
    /** What it holds until its connection is done with it. */
    holding: Holding;
  }
}

/** The body, checked. Throws an ApiError that names the first field that is wrong. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  if (body === undefined) throw badRequest('The body is empty: a JSON object is expected.');
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const { path, message } = firstIssue(result.error.issues);
  const param = pathOf('', path);
  throw badRequest(param === '' ? `The body: ${message}` : `${param}: ${message}`, param || undefined);
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Of a union, the issues of the branch that came furthest tell most. */
export function firstIssue(issues: readonly z.core.$ZodIssue[]): Issue {
  const issue = issues[0];
  if (issue === undefined) return { path: [], message: 'invalid' };
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue;
  const inner = issue.errors.map((branch) => firstIssue(branch));
  const deepest = inner.reduce((best, one) => (one.path.length > best.path.length ? one : best));
  if (deepest.path.length === 0) return issue;
  return { path: [...issue.path, ...deepest.path], message: deepest.message };
}

/** E.g. `messages[0].role`. */
export function pathOf(where: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : `${text}${text === '' ? '' : '.'}${String(key)}`,
    where,
  );
}

/** The options of routes that encode and count, and ask nothing of the engine. */
export const counted = { config: { isCounted: true } } as const;

/** How a surface writes an error's body. */
export type ErrorFormat = (error: ApiError, requestId: string) => unknown;

/** The body that OpenAI's clients read. */
export const openAiError: ErrorFormat = ({ facts }) => ({
  error: { message: facts.message, type: facts.type, param: facts.param ?? null, code: facts.code },
});

/** Makes a scope answer every error in the form that goes with the request. */
export function writeErrors(
  scope: FastifyInstance,
  formatFor: (request: FastifyRequest) => ErrorFormat,
  log: Log,
): void {
  scope.setErrorHandler(async (thrown, request, reply) => {
    const error = httpError(thrown);
    if (error.facts.status === 413) await readOn(request.raw);
    if (error.facts.status >= 500 && error.facts.code === 'internal_error')
      log.error({ requestId: request.id, err: error.cause }, 'internal error');
    if (endBegunStream(reply, error)) return reply.hijack();
    const body = formatFor(request)(error, request.id);
    return reply.code(error.facts.status).headers(errorHeaders(error.facts)).send(body);
  });
}

/** So long, or up to so many bytes, is read on of a body that is refused. */
const READ_ON_MS = 5000;
const READ_ON_BYTES = 256 * MiB;

/** A client that is still writing when its connection closes sees that and not the answer, and tries again. */
function readOn(raw: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const done = (): void => {
      clearTimeout(timer);
      raw.off('data', count);
      resolve();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > READ_ON_BYTES) done();
    };
    const timer = setTimeout(done, READ_ON_MS);
    if (raw.readableEnded || raw.destroyed) done();
    raw.on('data', count).once('end', done).once('close', done).once('error', done).resume();
  });
}

const FRAMEWORK_CODES: Readonly<Record<number, string>> = {
  413: 'request_too_large',
  415: 'unsupported_media_type',
};

/** As `toApiError`, and knows the errors that the HTTP framework throws at bad requests. */
export function httpError(thrown: unknown): ApiError {
  if (thrown instanceof Error && 'statusCode' in thrown) {
    const { statusCode: status } = thrown;
    if (typeof status === 'number' && status >= 400 && status < 500) {
      const code = FRAMEWORK_CODES[status] ?? 'invalid_request';
      return new ApiError({ status, type: 'invalid_request_error', code, message: thrown.message });
    }
  }
  return toApiError(thrown);
}

/** Aborted when the client is gone before its answer was complete. */
export function clientSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!reply.raw.writableFinished) controller.abort();
  };
  reply.raw.once('close', onClose);
  if (request.raw.socket.destroyed) onClose();
  return controller.signal;
}
