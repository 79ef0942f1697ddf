/** The bodies of llama.cpp's own `POST /completion` and `POST /infill`, checked, and the completions that they ask for. */
import { z } from 'zod';
import type { EngineInfo, GenerateOptions, SamplingOptions, Tokenizer } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import { isGiven, samplingFields, samplingOptions } from '../openai/sampling.js';
import type { CompletionPrompt } from '../road/completion.js';
import { defaultTokens } from '../road/drawing.js';

const text = z.string();
const ids = z.int().min(0);
/** Text and token ids may be mixed. */
const onePrompt = z.union([
  text,
  z.array(z.union([text, ids])).min(1),
  z.object({ prompt_string: text, multimodal_data: z.undefined('this model reads text only').optional() }),
]);
type OnePrompt = z.infer<typeof onePrompt>;

const MAX_PROMPTS = 64;

const shared = {
  ...samplingFields,
  // Other ranges than OpenAI's, where it has one.
  temperature: z.number().nullish(),
  n_predict: z.int().nullish(),
  max_tokens: z.int().nullish(),
  n_probs: z.int().min(0).max(20, 'expected at most 20').nullish(),
  post_sampling_probs: z.literal(false, 'probabilities are those before sampling here').nullish(),
  return_tokens: z.boolean().nullish(),
  response_fields: z.array(text).nullish(),
} as const;

export const completionBody = z.object({
  ...shared,
  prompt: z.union(
    [onePrompt, z.array(onePrompt).min(1).max(MAX_PROMPTS)],
    'expected text, token ids or both',
  ),
});

export const infillBody = z.object({
  ...shared,
  input_prefix: text.nullish(),
  input_suffix: text.nullish(),
  prompt: text.nullish(),
  input_extra: z.array(z.object({ filename: text.optional(), text })).nullish(),
});

export type NativeBody = z.infer<z.ZodObject<typeof shared>>;

/** Whether the answer is a list: one of several prompts, not one of several parts. */
export function isList(prompt: z.infer<typeof completionBody>['prompt']): prompt is OnePrompt[] {
  if (!Array.isArray(prompt)) return false;
  const isParts = prompt.some((part) => typeof part === 'number');
  return !isParts;
}

export function promptsOf(
  { prompt }: z.infer<typeof completionBody>,
  tokenizer: Tokenizer,
): CompletionPrompt[] {
  const list = isList(prompt) ? prompt : [prompt as OnePrompt];
  return list.map((one): CompletionPrompt => {
    if (typeof one === 'string') return { kind: 'text', text: one };
    if (!Array.isArray(one)) return { kind: 'text', text: one.prompt_string };
    const parts = one.map((part, index) =>
      typeof part === 'number' ? [part] : tokenizer.encode(part, index === 0 ? {} : { bos: false }),
    );
    return { kind: 'ids', ids: parts.flat() };
  });
}

export function infillPrompt(body: z.infer<typeof infillBody>): CompletionPrompt {
  const extra = (body.input_extra ?? []).map(({ filename, text: given }) =>
    filename === undefined ? given : `${filename}\n${given}`,
  );
  const prefix = [...extra, `${body.input_prefix ?? ''}${body.prompt ?? ''}`].join('\n');
  const suffix = body.input_suffix ?? '';
  if (prefix === '' && suffix === '')
    throw badRequest('Give `input_prefix` or `input_suffix`.', 'input_prefix');
  return { kind: 'infill', prefix, suffix };
}

/** How llama.cpp draws where nothing is said. */
export const llamaCppSampling: SamplingOptions = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 };

export function nativeOptions({ seed, ...body }: NativeBody, info: EngineInfo): GenerateOptions {
  const { context } = info;
  const wanted = body.n_predict ?? body.max_tokens ?? defaultTokens(info);
  const temperature = isGiven(body.temperature) ? Math.max(0, body.temperature) : null;
  // -1 draws one.
  const asked = { ...body, temperature, seed: isGiven(seed) && seed >= 0 ? seed : null };
  return {
    ...samplingOptions(asked, info, llamaCppSampling),
    maxTokens: wanted < 0 ? context : Math.min(wanted, context),
    ...(isGiven(body.n_probs) && body.n_probs > 0 && { logprobs: body.n_probs }),
  };
}
