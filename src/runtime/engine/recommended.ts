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
  penaltyLastTokens: 'penalty_last_n',
} as const satisfies Partial<Record<keyof SamplingOptions, string>>;

/** The recommendation of a file; empty where it makes none. */
export function recommendedSampling(file: GgufFile): SamplingOptions {
  const said = Object.entries(keys).flatMap(([option, key]) => {
    const value = file.optional(`general.sampling.${key}`, 'number', null);
    // -1 of penalty_last_n stands for all, as leaving it out does.
    return value === null || (option === 'penaltyLastTokens' && value < 0) ? [] : [[option, value] as const];
  });
  return Object.fromEntries(said);
}

/**
 * The options with the recommendation in place of what the caller leaves open. It holds as a whole: whoever sets one
 * option of how tokens are drawn gets the neutral values of the others.
 */
export function withRecommended<T extends SamplingOptions>(options: T, recommended: SamplingOptions): T {
  const names = Object.keys(keys) as (keyof typeof keys)[];
  const isOpen = names.every((name) => options[name] === undefined);
  const seed = options.seed ?? recommended.seed;
  return { ...options, ...(isOpen && recommended), ...(seed !== undefined && { seed }) };
}
