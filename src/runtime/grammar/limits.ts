/** The bounds of structured output: what a grammar may cost to compile, to keep and to follow. See docs/serving.md. */
import { Budget } from '../../core/budget.js';
import { OptionError } from '../../core/errors.js';

/** UTF-16 units of a schema, pattern or EBNF. */
export const mostGrammarLength = 1 << 20;
/** Steps of compiling, some hundred nanoseconds each. */
export const mostCompileSteps = 3_000_000;
/** So many steps are compiled on the thread that asks; more are worth a thread of their own. */
export const quickCompileSteps = 20_000;
/** A helper thread that takes longer is ended. */
export const mostCompileMs = 5_000;
/** States of one grammar; bounds memory. */
export const mostStates = 100_000;
/** Edges and calls of all states together. */
export const mostEdges = 400_000;
/** Stacks moved on and nodes of the vocabulary looked at for one mask, some hundred nanoseconds each. */
export const mostMaskSteps = 20_000_000;
/** Mask steps between two steps of the model, for all sequences together. */
export const maskStepsPerTurn = 4_000;
/** Ways to read one text side by side; more means an ambiguous grammar that would eat all memory. */
export const mostStacks = 2_000;

export function grammarError(given: string, expected: string, todo: string): OptionError {
  return new OptionError({ what: 'grammar', given, expected, todo });
}

export function compileBudget(): Budget {
  return new Budget(mostCompileSteps, () =>
    grammarError(
      'one that takes too long to compile',
      `at most ${mostCompileSteps} steps`,
      'Use fewer alternatives, optional parts, character classes and references.',
    ),
  );
}

/** Thrown where a grammar is no quick one: it may be right. */
export class NotQuick extends Error {}

export function quickBudget(): Budget {
  return new Budget(quickCompileSteps, () => new NotQuick());
}
