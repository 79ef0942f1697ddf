/** What the extension asks of whatever runs the model: in this process, or on a server. */
import type { ChatMessage, Simulated } from '../waferflow.js';

/** Text around the cursor, as much of it as the model is to read. */
export interface Gap {
  readonly prefix: string;
  readonly suffix: string;
}

export interface FillIn {
  readonly prefix: string;
  /** Null where the model is to go on with the prefix and see nothing of what follows. */
  readonly suffix: string | null;
  readonly maxTokens: number;
  /** The answer ends before the first of these. */
  readonly stop: readonly string[];
}

/** What an answer took. Measured here or on the server; simulated by the planner: two clocks. */
export interface Facts {
  readonly tokens: number | null;
  readonly tokensPerSecond: number | null;
  /** Null where the server does not say. */
  readonly simulated: readonly Simulated[] | null;
}

/** Texts in order, and what it took at the end. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'facts'; readonly facts: Facts };

export interface Source {
  /** For people: which model, where. */
  readonly name: string;
  /** Too few weights to have learned to fill in well: better at going on with a line. */
  readonly isSmall: boolean;
  /** Ends early, without an error, when the signal aborts. */
  fillIn(request: FillIn, signal: AbortSignal): AsyncIterable<Piece>;
  chat(messages: readonly ChatMessage[], signal: AbortSignal): AsyncIterable<Piece>;
  close(): Promise<void>;
}

/** Tokens of an answer in the chat at most. */
export const MAX_CHAT_TOKENS = 1024;
