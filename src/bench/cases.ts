/** How a case is fitted to the time it may take: an engine at a tenth of another's speed must not hold up the bench. */
import type { BenchCase } from './entrants.js';

/** Rounds that a case is shortened for; a case that takes longer than was thought ends with fewer. */
const WANTED_ROUNDS = 3;
/** Shorter runs would time the start of a pass rather than tokens. */
const LEAST_PROMPT = 16;
const LEAST_ANSWER = 8;

/** The short runs that a model begins with: they make what is made on first use, and tell the speed. */
export const WARM_UP: BenchCase = { phase: 'request', promptTokens: 8, generatedTokens: 6, batch: 1 };

/** Tokens that pass through the model. */
export const tokensOf = ({ promptTokens, generatedTokens, batch }: BenchCase): number =>
  batch * (promptTokens + generatedTokens);

/** Tokens that a run's figure counts. */
export function countedTokens({ phase, promptTokens, generatedTokens, batch }: BenchCase): number {
  const counted = {
    prefill: promptTokens,
    decode: generatedTokens - 1,
    request: promptTokens + generatedTokens,
  };
  return batch * counted[phase];
}

/** Halved until `WANTED_ROUNDS` rounds fit into the time, or its lengths are the least that say anything. */
export function fitted(wanted: BenchCase, roundMs: (of: BenchCase) => number, budgetMs: number): BenchCase {
  let of = wanted;
  while (WANTED_ROUNDS * roundMs(of) > budgetMs) {
    const { promptTokens, generatedTokens } = halved(of);
    if (promptTokens === of.promptTokens && generatedTokens === of.generatedTokens) break;
    of = { ...of, promptTokens, generatedTokens };
  }
  return of;
}

function halved({
  phase,
  promptTokens,
  generatedTokens,
}: BenchCase): Pick<BenchCase, 'promptTokens' | 'generatedTokens'> {
  const half = (tokens: number, least: number): number => Math.max(Math.min(least, tokens), tokens >> 1);
  const shorterPrompt = half(promptTokens, LEAST_PROMPT);
  // In decode the prompt is not what is measured, so it goes first.
  const keepsAnswer = phase === 'decode' && shorterPrompt < promptTokens;
  return {
    promptTokens: shorterPrompt,
    generatedTokens: keepsAnswer ? generatedTokens : half(generatedTokens, LEAST_ANSWER),
  };
}
