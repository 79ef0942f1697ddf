/** How tokens are drawn where a request leaves it open: as the model's file and the server's options say, else as the API does. */
import { withRecommended } from '../../runtime/engine/recommended.js';
import type { EngineInfo, GenerateOptions, SamplingOptions } from '../../runtime/types.js';

/** The options that a request gives, with the others as its API has them; a recommendation holds as a whole. */
export function drawn(
  { sampling: { maxTokens: _, ...sampling } }: Pick<EngineInfo, 'sampling'>,
  api: SamplingOptions,
  given: GenerateOptions,
): GenerateOptions {
  return { ...api, ...withRecommended(given, sampling) };
}

/** Most tokens of an answer whose request does not say; by default the context bounds it. */
export function defaultTokens({ sampling, context }: Pick<EngineInfo, 'sampling' | 'context'>): number {
  return sampling.maxTokens ?? context;
}
