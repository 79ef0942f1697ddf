/** What is read out of a model's answer, and how readers of it are used. */
import type { CallableTool } from './call.js';

export type AnswerEvent =
  | { readonly type: 'text' | 'reasoning'; readonly text: string }
  | { readonly type: 'callStart'; readonly name: string; readonly id?: string }
  /** More of the JSON text of the last call's arguments. */
  | { readonly type: 'callArguments'; readonly text: string };

export interface AnswerOptions {
  readonly template: string | null;
  /** How the prompt ended: a thought may have been opened there. */
  readonly promptEnd?: string;
  readonly tools?: readonly CallableTool[];
  /** False passes on the first call and nothing after it. */
  readonly parallel?: boolean;
  /** `content` leaves thoughts in the text, as they were written. */
  readonly reasoning?: 'split' | 'content';
}

export interface AnswerReader {
  push(text: string): AnswerEvent[];
  /** What is left when the answer is over. */
  end(): AnswerEvent[];
}
