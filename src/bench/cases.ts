/** How a case is fitted to the time it may take: an engine at a tenth of another's speed must not hold up the bench. */
import type { BenchCase } from './entrants.js';

/** Rounds that a case is shortened for; a run that takes longer than its warm-up said ends with fewer. */
const WANTED_ROUNDS = 3;
/** Tokens of a warm-up, all users together: enough to tell the speed, and a second or two for the slowest engine. */
const WARM_PROMPT = 8;
const WARM_ANSWER = 6;
/** Shorter runs would time the start of a pass rather than tokens. */
const LEAST_PROMPT = 8;
const LEAST_ANSWER = 4;

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

/** The short run that a case begins with. */
export function warmUpOf(of: BenchCase): BenchCase {
  return {
    ...of,
    promptTokens: Math.min(of.promptTokens, Math.max(2, Math.ceil(WARM_PROMPT / of.batch))),
    generatedTokens: Math.min(of.generatedTokens, Math.max(2, Math.ceil(WARM_ANSWER / of.batch))),
  };
}

/** Prompt and answer by turns halved, until `WANTED_ROUNDS` rounds at `msPerToken` fit into the time, or both are least. */
export function fitted(wanted: BenchCase, msPerToken: number, budgetMs: number): BenchCase {
  let of = wanted;
  while (WANTED_ROUNDS * msPerToken * tokensOf(of) > budgetMs) {
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
