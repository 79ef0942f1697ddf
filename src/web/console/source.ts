/** Where answers come from, the same for a server and for this browser. */
import type { Simulated } from '../../timing/local-run.js';

export interface Said {
  readonly role: 'system' | 'user' | 'assistant';
  readonly text: string;
}

/** What an answer took; all of it measured in this browser, the way to a server included. */
export interface Took {
  readonly ttftMs: number;
  readonly tokens: number;
  readonly tokensPerSecond: number | null;
}

export interface Turn extends Said {
  readonly id: number;
  readonly role: 'user' | 'assistant';
  /** How an answer ended, where that is worth a word. */
  readonly note: string | null;
  readonly took: Took | null;
  /** What other machines would have taken for the same tokens: simulated. */
  readonly simulated: readonly Simulated[];
}

/** Null leaves a choice to the model: what its maker recommends. */
export interface Settings {
  readonly maxTokens: number;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly frequencyPenalty: number | null;
  readonly seed: number | null;
  readonly system: string;
}

/** Who answers. */
export interface Answerer {
  readonly name: string;
  /** Trained on conversations; others only go on with a text. */
  readonly isChat: boolean;
}

export type AnswerEvent =
  | { readonly type: 'queued'; readonly position: number }
  | { readonly type: 'text'; readonly text: string }
  /** So many more tokens have come: with the text, or after it. */
  | { readonly type: 'tokens'; readonly count: number }
  | { readonly type: 'limits'; readonly headers: Readonly<Record<string, string>> }
  /** The answer so far is over; what follows answers the steer. */
  | { readonly type: 'steered' }
  | { readonly type: 'end'; readonly note: string | null; readonly simulated: readonly Simulated[] };

/** An answer under way; iterating it throws what goes wrong. */
export interface Answer extends AsyncIterable<AnswerEvent> {
  cancel(): void;
  /** Stops the answer and goes on with this input. Rejects when that is too late. */
  steer(text: string): Promise<void>;
}

export interface Source {
  ask(turns: readonly Said[], settings: Settings): Answer;
}

/** Why a generation ended, for people; null where it ended by itself. */
export function endNote(reason: string): string | null {
  if (reason === 'length' || reason === 'max_output_tokens') return 'cut at the most tokens';
  if (reason === 'cancelled') return 'cancelled';
  return null;
}
