/** How long prompts and answers are. */
import type { Rng } from '../../core/rng.js';
import type { Trace } from './traces.js';

/** A number of tokens: fixed, even between two, exponential, or lognormal with a given mean. */
export type LengthDistribution =
  | { readonly kind: 'fixed'; readonly tokens: number }
  | { readonly kind: 'uniform'; readonly from: number; readonly to: number }
  | { readonly kind: 'exponential'; readonly mean: number }
  /** `spread`: standard deviation of the logarithm. */
  | { readonly kind: 'lognormal'; readonly mean: number; readonly spread: number };

/** Independent lengths, or those of random requests of a trace, prompt and answer together. */
export type LengthSpec =
  | { readonly kind: 'drawn'; readonly prompt: LengthDistribution; readonly output: LengthDistribution }
  | { readonly kind: 'trace'; readonly trace: Trace };

export type LengthSampler = (into: { promptTokens: number; outputTokens: number }) => void;

/** A number from the distribution, not rounded. */
export function draw(of: LengthDistribution, rng: Rng): number {
  switch (of.kind) {
    case 'fixed':
      return of.tokens;
    case 'uniform':
      return of.from + rng.below(of.to - of.from + 1);
    case 'exponential':
      return -of.mean * Math.log(1 - rng.next());
    case 'lognormal':
      return of.mean * Math.exp(of.spread * rng.normal() - of.spread ** 2 / 2);
  }
}

export function meanLength(of: LengthDistribution): number {
  if (of.kind === 'fixed') return of.tokens;
  return of.kind === 'uniform' ? (of.from + of.to) / 2 : of.mean;
}

/** Whole tokens, at least one. */
export function drawTokens(of: LengthDistribution, rng: Rng): number {
  return Math.max(1, Math.round(draw(of, rng)));
}

export function lengthSampler(spec: LengthSpec, rng: Rng): LengthSampler {
  if (spec.kind === 'trace') {
    const { promptTokens, outputTokens } = spec.trace;
    return (into) => {
      const row = rng.below(promptTokens.length);
      into.promptTokens = promptTokens[row]!;
      into.outputTokens = outputTokens[row]!;
    };
  }
  return (into) => {
    into.promptTokens = drawTokens(spec.prompt, rng);
    into.outputTokens = drawTokens(spec.output, rng);
  };
}
