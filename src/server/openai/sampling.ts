/** The fields by which OpenAI's chat and text completions steer a generation, and what the engine makes of them. */
import { z } from 'zod';
import type { EngineInfo, GenerateOptions, SamplingOptions } from '../../runtime/types.js';
import { list, mostBiases, stopText } from '../list.js';
import type { ServiceTier } from '../road/completion.js';
import { constraintFields, constraintOf } from '../road/constraint.js';
import { drawn } from '../road/drawing.js';
import { refusedFields, requireNoRefused, seedField, topKField } from '../road/fields.js';

export const MAX_CHOICES = 16;
const MAX_STOPS = 16;

const text = z.string();
const bias = z.number().min(-100).max(100);

/** 0 reads the prompt only; -1 goes on to the end of the context. */
export const maxTokensField = z
  .int()
  .min(-1)
  .transform((value) => (value < 0 ? Number.POSITIVE_INFINITY : value));

export const samplingFields = {
  ...constraintFields,
  ...refusedFields,
  model: text.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  n: z.int().min(1).max(MAX_CHOICES).nullish(),
  stop: z.union([stopText, list(stopText, { most: MAX_STOPS })]).nullish(),
  seed: seedField.nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z
    .union([
      z.record(z.string().regex(/^\d{1,9}$/, 'expected token ids as keys'), bias),
      // Of llama.cpp: pairs of id and bias, where `false` forbids the token.
      list(z.tuple([z.int().min(0), z.union([bias, z.literal(false)])]), { most: mostBiases }),
    ])
    .nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  service_tier: z.enum(['auto', 'default', 'priority', 'scale', 'flex', 'batch']).nullish(),
  user: text.nullish(),
  // What other servers of open models take as well.
  top_k: topKField.nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().max(10).nullish(),
  repeat_penalty: z.number().positive().max(10).nullish(),
  ignore_eos: z.boolean().nullish(),
} as const;

export type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

/** A bias of so much or less forbids the token. */
const FORBID = -100;
/** Keeps the one most likely token; the engine wants more than 0. */
const LEAST_TOP_P = 1e-9;

/** @param api how tokens are drawn where neither the request nor the model says it */
export function samplingOptions(
  body: SamplingFields,
  info: EngineInfo,
  api: SamplingOptions = { temperature: 1 },
): GenerateOptions {
  requireNoRefused(body);
  const grammar = constraintOf(body);
  const repetitionPenalty = body.repetition_penalty ?? body.repeat_penalty;
  return drawn(info, api, {
    ...(isGiven(body.temperature) && { temperature: body.temperature }),
    ...(isGiven(body.top_p) && { topP: Math.max(body.top_p, LEAST_TOP_P) }),
    ...(isGiven(body.top_k) && { topK: body.top_k }),
    ...(isGiven(body.min_p) && { minP: body.min_p }),
    ...(isGiven(repetitionPenalty) && { repetitionPenalty }),
    ...(isGiven(body.presence_penalty) && { presencePenalty: body.presence_penalty }),
    ...(isGiven(body.frequency_penalty) && { frequencyPenalty: body.frequency_penalty }),
    ...(isGiven(body.seed) && { seed: body.seed }),
    ...(isGiven(body.stop) && { stop: body.stop }),
    ...(isGiven(body.logit_bias) && { logitBias: logitBias(body.logit_bias) }),
    ...(body.ignore_eos === true && { ignoreEos: true }),
    ...(grammar && { grammar }),
  });
}

/** The options of the choice with this index: with a seed, each choice has its own. */
export function optionsOfChoice<T extends GenerateOptions>(options: T, index: number): T {
  return index === 0 || options.seed === undefined ? options : { ...options, seed: options.seed + index };
}

export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function logitBias(given: NonNullable<SamplingFields['logit_bias']>): Record<number, number> {
  const pairs = Array.isArray(given) ? given : Object.entries(given);
  return Object.fromEntries(
    pairs.map(([id, value]) => [id, value === false || value <= FORBID ? Number.NEGATIVE_INFINITY : value]),
  );
}

export function tierOf(tier: SamplingFields['service_tier']): ServiceTier {
  return tier === 'flex' || tier === 'batch' ? 'batch' : 'interactive';
}

/** What the answer says about the tier that served it. */
export function tierName(tier: ServiceTier): 'default' | 'flex' {
  return tier === 'batch' ? 'flex' : 'default';
}
