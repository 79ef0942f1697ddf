/** The bodies of llama.cpp's own `POST /completion` and `POST /infill`, checked, and the completions that they ask for. */
import { z } from 'zod';
import { type EncodeTurn, mostQuickLength } from '../../runtime/engine/texts.js';
import type { Engine, EngineInfo, GenerateOptions, SamplingOptions, Tokenizer } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import { isTokenId, list, mostBiases, mostTools, mostTurns } from '../list.js';
import { isGiven, samplingFields, samplingOptions } from '../openai/sampling.js';
import { requireRoom } from '../road/complete.js';
import type { CompletionPrompt } from '../road/completion.js';
import { defaultTokens } from '../road/drawing.js';

const text = z.string();
const ids = z.int().min(0);
/** `false` forbids a token. */
const bias = z.union([z.number(), z.literal(false)]);
/** Text and token ids may be mixed. */
const onePrompt = z.union([
  text,
  list(z.union([text, ids]), { least: 1, quick: isTokenId }),
  z.object({ prompt_string: text, multimodal_data: z.undefined('this model reads text only').optional() }),
]);
type OnePrompt = z.infer<typeof onePrompt>;

const MAX_PROMPTS = 64;

const shared = {
  ...samplingFields,
  /** Of tokens by their ids or their texts. */
  logit_bias: z
    .union(
      [z.record(text, bias), list(z.tuple([z.union([ids, text]), bias]), { most: mostBiases })],
      'expected tokens and their biases',
    )
    .nullish(),
  // Other ranges than OpenAI's, where it has one.
  temperature: z.number().nullish(),
  n_predict: z.int().nullish(),
  max_tokens: z.int().nullish(),
  n_probs: z.int().min(0).max(20, 'expected at most 20').nullish(),
  post_sampling_probs: z.literal(false, 'probabilities are those before sampling here').nullish(),
  return_tokens: z.boolean().nullish(),
  response_fields: list(text, { most: mostTools }).nullish(),
} as const;

export const completionBody = z.object({
  ...shared,
  prompt: z.union(
    [onePrompt, list(onePrompt, { least: 1, most: MAX_PROMPTS })],
    'expected text, token ids or both',
  ),
});

export const infillBody = z.object({
  ...shared,
  input_prefix: text.nullish(),
  input_suffix: text.nullish(),
  prompt: text.nullish(),
  input_extra: list(z.object({ filename: text.optional(), text }), { most: mostTurns }).nullish(),
});

export type NativeBody = z.infer<z.ZodObject<typeof shared>>;

/** Whether the answer is a list: one of several prompts, not one of several parts. */
export function isList(prompt: z.infer<typeof completionBody>['prompt']): prompt is OnePrompt[] {
  if (!Array.isArray(prompt)) return false;
  const isParts = prompt.some((part) => typeof part === 'number');
  return !isParts;
}

export async function promptsOf(
  { prompt }: z.infer<typeof completionBody>,
  engine: Engine,
  turn: EncodeTurn,
): Promise<CompletionPrompt[]> {
  const all = isList(prompt) ? prompt : [prompt as OnePrompt];
  return Promise.all(
    all.map(async (one): Promise<CompletionPrompt> => {
      if (typeof one === 'string') return { kind: 'text', text: one };
      if (!Array.isArray(one)) return { kind: 'text', text: one.prompt_string };
      return { kind: 'ids', ids: await mixedIds(one, engine, turn) };
    }),
  );
}

/** Of as many parts as can fit: rejects with the ApiError of a prompt that is too long. */
async function mixedIds(
  parts: readonly (string | number)[],
  engine: Engine,
  turn: EncodeTurn,
): Promise<number[]> {
  requireRoom(engine, { kind: 'text', text: parts.filter((part) => typeof part === 'string').join('') });
  const ids: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (typeof part === 'number') ids.push(part);
    else {
      const more = await engine.encode(part, { ...turn, ...(index > 0 && { bos: false }) });
      for (const id of more) ids.push(id);
    }
  }
  return ids;
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

/** Texts stand for their tokens. */
function biasesOf(
  given: NonNullable<NativeBody['logit_bias']>,
  tokenizer: Tokenizer,
): [number, number | false][] {
  const pairs = Array.isArray(given) ? given : Object.entries(given);
  const length = pairs.reduce((sum, [token]) => sum + (typeof token === 'string' ? token.length : 0), 0);
  if (length > mostQuickLength)
    throw badRequest(
      `logit_bias: its texts have ${length} characters, at most ${mostQuickLength}: name tokens by their ids`,
      'logit_bias',
    );
  return pairs.flatMap(([token, value]) => {
    const isId = typeof token === 'number' || /^\d+$/.test(token);
    const tokens = isId ? [Number(token)] : tokenizer.encode(token, { bos: false });
    return tokens.map((id): [number, number | false] => [id, value]);
  });
}

/** How llama.cpp draws where nothing is said. */
export const llamaCppSampling: SamplingOptions = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 };

export function nativeOptions(
  { seed, logit_bias: biases, ...body }: NativeBody,
  info: EngineInfo,
  tokenizer: Tokenizer,
): GenerateOptions {
  const { context } = info;
  const wanted = body.n_predict ?? body.max_tokens ?? defaultTokens(info);
  const temperature = isGiven(body.temperature) ? Math.max(0, body.temperature) : null;
  // -1 draws one.
  const asked = {
    ...body,
    temperature,
    seed: isGiven(seed) && seed >= 0 ? seed : null,
    logit_bias: isGiven(biases) ? biasesOf(biases, tokenizer) : null,
  };
  return {
    ...samplingOptions(asked, info, llamaCppSampling),
    maxTokens: wanted < 0 ? context : Math.min(wanted, context),
    ...(isGiven(body.n_probs) && body.n_probs > 0 && { logprobs: body.n_probs }),
  };
}
