/** The body of `POST /v1/completions`, checked, and the completions that it asks for. */
import { z } from 'zod';
import type { GenerateOptions } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import type { CompletionPrompt, CompletionRequest } from '../road/completion.js';
import {
  isGiven,
  MAX_CHOICES,
  optionsOfChoice,
  samplingFields,
  samplingOptions,
  tierOf,
} from './sampling.js';

const MAX_PROMPTS = 64;
/** What the API takes where a client says nothing. */
const DEFAULT_MAX_TOKENS = 16;

const ids = z.array(z.int().min(0)).min(1);

export const textBody = z.object({
  ...samplingFields,
  prompt: z.union(
    [z.string(), ids, z.array(z.string()).min(1).max(MAX_PROMPTS), z.array(ids).min(1).max(MAX_PROMPTS)],
    'expected a string, token ids, or a list of either',
  ),
  suffix: z.string().nullish(),
  max_tokens: z.int().min(1).nullish(),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  best_of: z.int().min(1).max(MAX_CHOICES).nullish(),
});

export type TextBody = z.infer<typeof textBody>;

/** Choices of all prompts, those of the first prompt first. Throws ApiError on fields that cannot go together. */
export function textRequests(body: TextBody, id: string, caller: string): CompletionRequest[] {
  const n = body.n ?? 1;
  if (isGiven(body.best_of) && body.best_of !== n)
    throw badRequest('Choices are not ranked here: best_of must be n.', 'best_of');
  if (body.echo === true && isGiven(body.logprobs))
    throw badRequest('The prompt has no logprobs here: leave out echo or logprobs.', 'logprobs');
  const options: GenerateOptions = {
    ...samplingOptions(body),
    maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
    ...(isGiven(body.logprobs) && { logprobs: body.logprobs }),
  };
  const prompts = promptsOf(body);
  if (prompts.length * n > MAX_PROMPTS)
    throw badRequest(`At most ${MAX_PROMPTS} choices of all prompts together.`, 'n');
  return prompts.flatMap((prompt) =>
    Array.from({ length: n }, (_, index) => ({
      id,
      prompt,
      caller,
      tier: tierOf(body.service_tier),
      options: optionsOfChoice(options, index),
    })),
  );
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
