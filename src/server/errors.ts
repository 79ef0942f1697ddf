/** What a client is told when something cannot be done; each API surface writes it in its own form. */
import { EngineError, messageOf, OptionError, WaferflowError } from '../core/errors.js';

export type ApiErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'rate_limit_error'
  | 'service_unavailable_error'
  | 'server_error';

export interface ApiErrorFacts {
  /** HTTP status. */
  readonly status: number;
  readonly type: ApiErrorType;
  /** A stable word for programs, e.g. `model_not_found`. */
  readonly code: string;
  readonly message: string;
  /** The field that is wrong, e.g. `messages[0].role`. */
  readonly param?: string;
  /** Of a prompt with no room in the context: each API has words of its own for it, which clients look for. */
  readonly overflow?: Overflow;
  /** What a client needs beside the message, in the form of the API that it speaks. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** When to try again, for 429 and 503. */
  readonly retryAfterMs?: number;
  /** Further headers of the answer, in lower case, e.g. those of the rate limits. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Overflow {
  /** Of the prompt; where it was too long to be tokenised, at least so many. */
  readonly tokens: number;
  readonly context: number;
}

export class ApiError extends Error {
  readonly facts: ApiErrorFacts;

  constructor(facts: ApiErrorFacts, options?: ErrorOptions) {
    super(facts.message, options);
    this.name = 'ApiError';
    this.facts = facts;
  }
}

/** A request that is wrong in itself: 400. */
export function badRequest(message: string, param?: string, code = 'invalid_value'): ApiError {
  return new ApiError({
    status: 400,
    type: 'invalid_request_error',
    code,
    message,
    ...(param !== undefined && { param }),
  });
}

/** A prompt without room in the context, in the words of OpenAI's API. */
export function contextOverflow(overflow: Overflow, param: string): ApiError {
  const { tokens, context } = overflow;
  return new ApiError({
    status: 400,
    type: 'invalid_request_error',
    code: 'context_length_exceeded',
    message:
      `This model's maximum context length is ${context} tokens. However, your ${param} resulted in ` +
      `${tokens} tokens. Please reduce the length of the ${param}.`,
    param,
    overflow,
  });
}

/** A name that no model has, or a model that is gone: 404. */
export function modelNotFound(message: string): ApiError {
  return new ApiError({
    status: 404,
    type: 'invalid_request_error',
    code: 'model_not_found',
    message,
    param: 'model',
  });
}

/** The server cannot take work now: 503. */
export function unavailable(code: string, message: string, retryAfterMs: number): ApiError {
  return new ApiError({ status: 503, type: 'service_unavailable_error', code, message, retryAfterMs });
}

/** The end of a request whose client has gone: nobody reads it. */
export function clientGone(): ApiError {
  const message = 'The client has gone.';
  return new ApiError({ status: 499, type: 'invalid_request_error', code: 'client_gone', message });
}

/** Every header that goes with an error, whatever its form. */
export function errorHeaders({ retryAfterMs, headers }: ApiErrorFacts): Record<string, string> {
  return {
    ...headers,
    ...(retryAfterMs !== undefined && {
      'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
      'retry-after-ms': String(Math.ceil(retryAfterMs)),
    }),
  };
}

/** Anything thrown as what a client may see: own errors in their words, the rest without its insides. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof OptionError) {
    return new ApiError(
      { status: 400, type: 'invalid_request_error', code: 'invalid_value', message: thrown.message },
      { cause: thrown },
    );
  }
  if (thrown instanceof EngineError) {
    const message = `The engine failed: ${thrown.message}`;
    const facts = { status: 503, type: 'service_unavailable_error', code: 'engine_failed', message } as const;
    return new ApiError({ ...facts, retryAfterMs: 1000 }, { cause: thrown });
  }
  const message =
    thrown instanceof WaferflowError
      ? thrown.message
      : 'Internal error. The log has it under the request id.';
  return new ApiError(
    { status: 500, type: 'server_error', code: 'internal_error', message },
    { cause: thrown instanceof Error ? thrown : new Error(messageOf(thrown)) },
  );
}
