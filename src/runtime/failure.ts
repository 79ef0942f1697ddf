/** What ends one request and no other: any fault as an error in words, and such errors across threads. */
import {
  EngineError,
  type ErrorFacts,
  ModelError,
  messageOf,
  OptionError,
  WaferflowError,
} from '../core/errors.js';

/** The fault of a single request as an error that says so. */
export function failureOf(fault: unknown): WaferflowError {
  if (fault instanceof WaferflowError) return fault;
  const facts = {
    what: 'one request',
    given: `the fault "${messageOf(fault)}"`,
    expected: 'its next token',
    todo: 'Other requests go on. Try again; if it happens again, please report it.',
  };
  return new EngineError(facts, { cause: fault });
}

/** An error as plain data, to be thrown again on another thread. */
export interface PackedError {
  readonly kind: string;
  readonly facts: ErrorFacts;
}

export function packError({ name, facts }: WaferflowError): PackedError {
  return { kind: name, facts };
}

export function unpackError({ kind, facts }: PackedError): WaferflowError {
  const Kind = [OptionError, ModelError].find(({ name }) => name === kind) ?? EngineError;
  return new Kind(facts);
}
