/** What the HTTP surfaces share: bodies checked by a schema, errors in a form of their own, and the client's going. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ApiError, badRequest, errorHeaders, toApiError } from './errors.js';
import type { Caller } from './gate/keys.js';
import type { Log } from './log.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the hook that checks keys, before any handler. */
    caller: Caller;
  }
}

/** The body, checked. Throws an ApiError that names the first field that is wrong. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path ?? [];
  const param = path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
  throw badRequest(
    param === '' ? `The body: ${issue?.message}` : `${param}: ${issue?.message}`,
    param || undefined,
  );
}

/** How a surface writes an error's body. */
export type ErrorFormat = (error: ApiError, requestId: string) => unknown;

/** The body that OpenAI's clients read. */
export const openAiError: ErrorFormat = ({ facts }) => ({
  error: { message: facts.message, type: facts.type, param: facts.param ?? null, code: facts.code },
});

/** Makes a scope answer every error in one form. */
export function writeErrors(scope: FastifyInstance, format: ErrorFormat, log: Log): void {
  scope.setErrorHandler((thrown, request, reply) => {
    const error = httpError(thrown);
    if (error.facts.status >= 500 && error.facts.code === 'internal_error')
      log.error({ requestId: request.id, err: error.cause }, 'internal error');
    return reply.code(error.facts.status).headers(errorHeaders(error.facts)).send(format(error, request.id));
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
