/** How a model's maker recommends to draw from it, as its file says: the keys `general.sampling.*` of llama.cpp. */
import type { GgufFile } from '../../formats/gguf.js';
import type { SamplingOptions } from '../types.js';

const keys = {
  temperature: 'temp',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  repetitionPenalty: 'penalty_repeat',
  presencePenalty: 'penalty_present',
  frequencyPenalty: 'penalty_freq',
} as const satisfies Partial<Record<keyof SamplingOptions, string>>;

/** Models whose files do not say yet what keeps them from repeating themselves. */
const unsaid: Readonly<Record<string, SamplingOptions>> = { glint: { repetitionPenalty: 1.15 } };

/** The recommendation of a file; empty where it makes none. */
export function recommendedSampling(file: GgufFile): SamplingOptions {
  const said = Object.entries(keys).flatMap(([option, key]) => {
    const value = file.optional(`general.sampling.${key}`, 'number', null);
    return value === null ? [] : [[option, value] as const];
  });
  if (said.length > 0) return Object.fromEntries(said);
  return unsaid[file.optional('general.name', 'string', '')] ?? {};
}

/**
 * The options with the recommendation in place of what the caller leaves open. It holds as a whole: whoever sets one
 * option of how tokens are drawn gets the neutral values of the others.
 */
export function withRecommended<T extends SamplingOptions>(options: T, recommended: SamplingOptions): T {
  const names = Object.keys(keys) as (keyof typeof keys)[];
  return names.some((name) => options[name] !== undefined) ? options : { ...options, ...recommended };
}
