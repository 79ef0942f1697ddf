/**
 * The one road from the API surfaces to the engine. A surface (OpenAI chat, Responses, Anthropic, Ollama) turns what its
 * client sent into a `CompletionRequest` and the events into what its client expects, and knows nothing of the others.
 */
import type { GenerateOptions, GenerateTimings, TokenLogprobs } from '../../runtime/types.js';
import type { Simulated } from '../../timing/local-run.js';

/** A function that the model may call; `parameters` is a JSON schema. */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** A turn of a conversation, richer than what a chat template takes for granted. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly toolCalls?: readonly ToolCall[];
  /** Of an assistant: what it thought. */
  readonly reasoning?: string;
  /** Of role `tool`: the call that this answers. */
  readonly toolCallId?: string;
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

export type CompletionPrompt =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'ids';
      readonly ids: readonly number[];
      /** Ends an answer in a form that has no end token. */
      readonly stop?: string;
    }
  /** Fill in the middle: needs a tokenizer with such tokens. */
  | { readonly kind: 'infill'; readonly prefix: string; readonly suffix: string }
  | {
      readonly kind: 'messages';
      readonly messages: readonly Message[];
      readonly tools?: readonly Tool[];
      readonly toolChoice?: ToolChoice;
      readonly parallelToolCalls?: boolean;
      /** Whether the answer goes on with the last message, the assistant's; default false. */
      readonly continues?: boolean;
      /** Whether the assistant's turn is begun; default true. */
      readonly addGenerationPrompt?: boolean;
      /** Further variables of the chat template, such as `enable_thinking`. */
      readonly variables?: Readonly<Record<string, unknown>>;
      /** Whether thoughts come apart from the answer or in its text as they were written; default: as the server has it. */
      readonly reasoning?: Reasoning;
    };

export type Reasoning = 'split' | 'content';

export type ServiceTier = 'interactive' | 'batch';

export interface CompletionRequest {
  /** Log-probabilities of the prompt's tokens, with so many of the likeliest in the place of each. */
  readonly promptLogprobs?: number;
  /** Stands in logs, in headers and in the engine. */
  readonly id: string;
  readonly prompt: CompletionPrompt;
  /** Who asks: the name of an API key, or the one anonymous caller. */
  readonly caller: string;
  readonly tier: ServiceTier;
  /** `signal`, `priority`, `shareKey`, `adapter` and `onQueue` are set by `complete`. */
  readonly options: Omit<
    GenerateOptions,
    'signal' | 'priority' | 'shareKey' | 'adapter' | 'onQueue' | 'onPrefill'
  >;
}

export interface CompletionUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** Of them, those of thoughts that came apart. */
  readonly reasoningTokens: number;
  readonly acceptedPredictionTokens: number;
  readonly rejectedPredictionTokens: number;
}

export type CompletionFinish = 'stop' | 'length' | 'tool_calls' | 'cancelled';

/** `queued`* then `started`, then text and tool calls in order, then `end`; or the iteration throws an `ApiError`. */
export type CompletionEvent =
  | { readonly type: 'queued'; readonly position: number }
  | {
      readonly type: 'started';
      readonly promptIds: readonly number[];
      readonly cachedTokens: number;
      /** Of all tokens of the prompt but the first, where `promptLogprobs` was asked for. */
      readonly promptLogprobs?: readonly TokenLogprobs[];
    }
  | {
      readonly type: 'text';
      readonly text: string;
      readonly ids: readonly number[];
      readonly logprobs?: readonly TokenLogprobs[];
    }
  /** What the model thought; it is no part of its answer. */
  | { readonly type: 'reasoning'; readonly text: string; readonly ids: readonly number[] }
  | { readonly type: 'toolCallStart'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly type: 'toolCallArguments'; readonly index: number; readonly text: string }
  | {
      readonly type: 'end';
      readonly finishReason: CompletionFinish;
      readonly stopString: string | null;
      readonly usage: CompletionUsage;
      readonly timings: GenerateTimings;
      readonly simulated: readonly Simulated[];
    };
