/** What chat and text completions have in common on the wire. */
import { randomUUID } from 'node:crypto';
import type { UsageExtension } from '../../protocol/protocol.js';
import type { Tokenizer, TokenLogprobs } from '../../runtime/types.js';
import { openAiError } from '../http.js';
import { version } from '../operations.js';
import type { CompletionFinish } from '../road/completion.js';
import { type EndEvent, sumUsage, usageExtension } from '../road/usage.js';
import type { StreamForm } from '../stream.js';
import { sseContentType, ssePing } from '../stream.js';

export function newId(prefix: string): string {
  return `${prefix}-${randomUUID().replaceAll('-', '')}`;
}

export interface OpenAiUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: {
    readonly reasoning_tokens: number;
    readonly accepted_prediction_tokens: number;
    readonly rejected_prediction_tokens: number;
  };
  /** Of a request with one choice. */
  readonly waferflow?: UsageExtension;
}

/** The usage of a request: of all its prompts, each with all its choices. */
export function openAiUsage(prompts: readonly (readonly EndEvent[])[]): OpenAiUsage {
  const usages = prompts.map(sumUsage);
  const sum = (part: keyof (typeof usages)[number]): number =>
    usages.reduce((total, usage) => total + usage[part], 0);
  const ends = prompts.flat();
  return {
    prompt_tokens: sum('promptTokens'),
    completion_tokens: sum('completionTokens'),
    total_tokens: sum('promptTokens') + sum('completionTokens'),
    prompt_tokens_details: { cached_tokens: sum('cachedTokens') },
    completion_tokens_details: {
      reasoning_tokens: sum('reasoningTokens'),
      accepted_prediction_tokens: sum('acceptedPredictionTokens'),
      rejected_prediction_tokens: sum('rejectedPredictionTokens'),
    },
    ...(ends.length === 1 && { waferflow: usageExtension(ends[0]!) }),
  };
}

/** The reason that a client is told; one who cancelled is not there to read it. */
export function finishName(reason: CompletionFinish): 'stop' | 'length' | 'tool_calls' {
  return reason === 'cancelled' ? 'stop' : reason;
}

export const openAiStream: StreamForm = {
  contentType: sseContentType,
  ping: ssePing,
  errorFrame: (error) => `data: ${JSON.stringify(openAiError(error, ''))}\n\n`,
};

/** Changes with what could change the answers to one seed. */
export const fingerprint = `build_${version}`;

export const streamDone = 'data: [DONE]\n\n';

/** JSON has no infinity: less likely than anything. */
export const LEAST_LOGPROB = -9999;

export interface TokenText {
  readonly token: string;
  readonly logprob: number;
  /** Null where the token has none, as control tokens do. */
  readonly bytes: readonly number[] | null;
}

export function tokenText(tokenizer: Tokenizer, { id, logprob }: { id: number; logprob: number }): TokenText {
  const bytes = tokenizer.bytesOf(id);
  return {
    token: new TextDecoder().decode(bytes),
    logprob: Math.max(logprob, LEAST_LOGPROB),
    bytes: bytes.length === 0 ? null : [...bytes],
  };
}

/** In the form of the chat API. */
export function chatLogprobs(tokenizer: Tokenizer, logprobs: readonly TokenLogprobs[]) {
  return logprobs.map((entry) => ({
    ...tokenText(tokenizer, entry),
    top_logprobs: entry.top.map((likely) => tokenText(tokenizer, likely)),
  }));
}
