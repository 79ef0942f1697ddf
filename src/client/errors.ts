/** What goes wrong for a client. */
import type { RequestErrorEvent } from '../protocol/protocol.js';

export interface ServerErrorFacts {
  /** As HTTP would say it; 0 where the server gave none. */
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** When to try again, where the server said so. */
  readonly retryAfterMs: number | null;
}

/** The server refused a request, or failed at it. */
export class ServerError extends Error {
  readonly facts: ServerErrorFacts;

  constructor(facts: ServerErrorFacts) {
    super(facts.message);
    this.name = 'ServerError';
    this.facts = facts;
  }
}

/** The connection is gone, and with it what was under way. */
export class ConnectionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConnectionError';
  }
}

export function serverError({ status, code, message, param, headers }: RequestErrorEvent): ServerError {
  const retryAfterMs = headers?.['retry-after-ms'];
  return new ServerError({
    status,
    code,
    message,
    param,
    retryAfterMs: retryAfterMs === undefined ? null : Number(retryAfterMs),
  });
}
