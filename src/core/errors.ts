/**
 * The errors that waferflow throws on purpose. Each says what was given, what was expected and what to do;
 * a stack trace reaching a user is a bug.
 */

export interface ErrorFacts {
  /** What was being done or read, e.g. `tensor "blk.0.attn_q.weight"`. */
  readonly what: string;
  readonly given: string;
  readonly expected: string;
  /** The next step for the person who reads it, as an imperative sentence. */
  readonly todo: string;
}

/** Base of every deliberate error: `name` tells the kind, `facts` keeps the parts apart for programs. */
export class WaferflowError extends Error {
  readonly facts: ErrorFacts;

  constructor(facts: ErrorFacts, options?: ErrorOptions) {
    super(`${facts.what}: got ${facts.given}, expected ${facts.expected}. ${facts.todo}`, options);
    this.name = new.target.name;
    this.facts = facts;
  }
}

/** Bytes that are not what their format says: truncated, hostile or unknown files and metadata. */
export class FormatError extends WaferflowError {}

/** A well-formed model that cannot run here: unknown architecture, disagreeing shapes, does not fit. */
export class ModelError extends WaferflowError {}

/** An option, argument or input value out of its range; the CLI exits 2 on it. */
export class OptionError extends WaferflowError {}

/** The engine or one of its workers failed or was used after `close()`. */
export class EngineError extends WaferflowError {}

/** A machine, plan or mesh program that breaks a limit of the simulated hardware. */
export class MachineError extends WaferflowError {}

/** The message of anything thrown, for messages that wrap another one. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
