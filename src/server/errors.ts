/** What a client is told when something cannot be done; each API surface writes it in its own form. */

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
  /** When to try again, for 429 and 503. */
  readonly retryAfterMs?: number;
}

export class ApiError extends Error {
  readonly facts: ApiErrorFacts;

  constructor(facts: ApiErrorFacts, options?: ErrorOptions) {
    super(facts.message, options);
    this.name = 'ApiError';
    this.facts = facts;
  }
}
