/** The body of `POST /v1/completions`, checked, and the completions that it asks for. */
import { z } from 'zod';
import type { EngineInfo, GenerateOptions } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import { isText, list, mostTurns, tokenIds } from '../list.js';
import type { CompletionPrompt, CompletionRequest } from '../road/completion.js';
import {
  isGiven,
  MAX_CHOICES,
  maxTokensField,
  optionsOfChoice,
  samplingFields,
  samplingOptions,
  tierOf,
} from './sampling.js';

const MAX_PROMPTS = 64;
/** What the API takes where a client says nothing. */
const DEFAULT_MAX_TOKENS = 16;

const ids = tokenIds({ least: 1 });
const tooMany = `expected at most ${MAX_PROMPTS} prompts`;

export const textBody = z.object({
  ...samplingFields,
  prompt: z.union(
    [
      z.string(),
      ids,
      // How many of them are taken is said below, where the answer can be about their number alone.
      list(z.string(), { least: 1, quick: isText }),
      list(ids, { least: 1, most: mostTurns }),
    ],
    'expected a string, token ids, or a list of either',
  ),
  suffix: z.string().nullish(),
  max_tokens: maxTokensField.nullish(),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  best_of: z.int().min(1).max(MAX_CHOICES).nullish(),
});

export type TextBody = z.infer<typeof textBody>;

export interface TextRequest {
  /** Those of the first prompt first. */
  readonly requests: readonly CompletionRequest[];
  /** Completions that are made of each prompt. */
  readonly made: number;
  /** Those of them that are sent, the likeliest. */
  readonly sent: number;
}

/** Throws ApiError on fields that cannot go together. */
export function textRequest(body: TextBody, info: EngineInfo, id: string, caller: string): TextRequest {
  const sent = body.n ?? 1;
  const made = body.best_of ?? sent;
  if (made < sent) throw badRequest('best_of must be at least n.', 'best_of');
  if (made > sent && body.stream === true)
    throw badRequest('The best of several is known at their end: leave out stream or best_of.', 'best_of');
  const isRanked = made > sent;
  const hasPromptLogprobs = body.echo === true && isGiven(body.logprobs);
  const options: GenerateOptions = {
    ...samplingOptions(body, info),
    // Who scores a prompt counts on the one token behind it, an end token too.
    ...(hasPromptLogprobs && body.max_tokens === 1 && { ignoreEos: true }),
    maxTokens: Math.min(body.max_tokens ?? info.sampling.maxTokens ?? DEFAULT_MAX_TOKENS, info.context),
    ...((isRanked || isGiven(body.logprobs)) && { logprobs: body.logprobs ?? 0 }),
  };
  const prompts = promptsOf(body);
  if (prompts.length > MAX_PROMPTS) throw badRequest(`prompt: ${tooMany}`, 'prompt');
  if (prompts.length * made > MAX_PROMPTS)
    throw badRequest(`At most ${MAX_PROMPTS} choices of all prompts together.`, isRanked ? 'best_of' : 'n');
  const requests = prompts.flatMap((prompt) =>
    Array.from({ length: made }, (_, index) => ({
      id,
      prompt,
      caller,
      tier: tierOf(body.service_tier),
      options: optionsOfChoice(options, index),
      ...(hasPromptLogprobs && { promptLogprobs: body.logprobs! }),
    })),
  );
  return { requests, made, sent };
}

function promptsOf({ prompt, suffix }: TextBody): CompletionPrompt[] {
  const list: readonly (string | readonly number[])[] =
    typeof prompt === 'string' ? [prompt] : isIds(prompt) ? [prompt] : prompt;
  return list.map((item) => {
    if (!isGiven(suffix) || suffix === '')
      return typeof item === 'string' ? { kind: 'text', text: item } : { kind: 'ids', ids: item };
    if (typeof item === 'string') return { kind: 'infill', prefix: item, suffix };
    throw badRequest('A suffix goes with a prompt of text, not of token ids.', 'suffix');
  });
}

function isIds(prompt: readonly (string | number | readonly number[])[]): prompt is readonly number[] {
  return typeof prompt[0] === 'number';
}
