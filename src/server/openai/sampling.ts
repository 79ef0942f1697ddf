/** The fields by which OpenAI's chat and text completions steer a generation, and what the engine makes of them. */
import { z } from 'zod';
import type { GenerateOptions, Grammar } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import type { ServiceTier } from '../road/completion.js';

export const MAX_CHOICES = 16;
const MAX_STOPS = 16;

const text = z.string();

export const samplingFields = {
  model: text.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  n: z.int().min(1).max(MAX_CHOICES).nullish(),
  stop: z.union([text.min(1), z.array(text.min(1)).max(MAX_STOPS)]).nullish(),
  seed: z.int().nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, 'expected token ids as keys'), z.number().min(-100).max(100))
    .nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  service_tier: z.enum(['auto', 'default', 'priority', 'scale', 'flex', 'batch']).nullish(),
  user: text.nullish(),
  // What other servers of open models take as well.
  top_k: z.int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().max(10).nullish(),
  ignore_eos: z.boolean().nullish(),
  structured_outputs: z
    .object({
      json: z.union([text, z.record(text, z.unknown())]).nullish(),
      regex: text.nullish(),
      choice: z.array(text).min(1).nullish(),
      grammar: text.nullish(),
    })
    .nullish(),
} as const;

export type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

/** A bias of so much or less forbids the token. */
const FORBID = -100;
/** Keeps the one most likely token; the engine wants more than 0. */
const LEAST_TOP_P = 1e-9;

export function samplingOptions(body: SamplingFields): GenerateOptions {
  const grammar = structuredOutputs(body.structured_outputs);
  return {
    temperature: body.temperature ?? 1,
    topP: Math.max(body.top_p ?? 1, LEAST_TOP_P),
    ...(isGiven(body.top_k) && { topK: body.top_k }),
    ...(isGiven(body.min_p) && { minP: body.min_p }),
    ...(isGiven(body.repetition_penalty) && { repetitionPenalty: body.repetition_penalty }),
    ...(isGiven(body.presence_penalty) && { presencePenalty: body.presence_penalty }),
    ...(isGiven(body.frequency_penalty) && { frequencyPenalty: body.frequency_penalty }),
    ...(isGiven(body.seed) && { seed: body.seed }),
    ...(isGiven(body.stop) && { stop: body.stop }),
    ...(isGiven(body.logit_bias) && { logitBias: logitBias(body.logit_bias) }),
    ...(body.ignore_eos === true && { ignoreEos: true }),
    ...(grammar && { grammar }),
  };
}

/** The options of the choice with this index: with a seed, each choice has its own. */
export function optionsOfChoice<T extends GenerateOptions>(options: T, index: number): T {
  return index === 0 || options.seed === undefined ? options : { ...options, seed: options.seed + index };
}

export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function logitBias(bias: Readonly<Record<string, number>>): Record<number, number> {
  return Object.fromEntries(
    Object.entries(bias).map(([id, value]) => [id, value <= FORBID ? Number.NEGATIVE_INFINITY : value]),
  );
}

function structuredOutputs(wanted: SamplingFields['structured_outputs']): Grammar | null {
  const { json, regex, choice, grammar } = wanted ?? {};
  const given = [json, regex, choice, grammar].filter(isGiven);
  if (given.length === 0) return null;
  if (given.length > 1)
    throw badRequest('Give one of json, regex, choice and grammar.', 'structured_outputs');
  if (isGiven(json))
    return { type: 'jsonSchema', schema: typeof json === 'string' ? json : JSON.stringify(json) };
  if (isGiven(regex)) return { type: 'regex', pattern: regex };
  if (isGiven(grammar)) return { type: 'ebnf', text: grammar };
  return { type: 'regex', pattern: (choice ?? []).map(escapeRegex).join('|') };
}

function escapeRegex(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

export function tierOf(tier: SamplingFields['service_tier']): ServiceTier {
  return tier === 'flex' || tier === 'batch' ? 'batch' : 'interactive';
}

/** What the answer says about the tier that served it. */
export function tierName(tier: ServiceTier): 'default' | 'flex' {
  return tier === 'batch' ? 'flex' : 'default';
}
