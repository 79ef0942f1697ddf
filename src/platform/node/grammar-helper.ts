/** Compiles grammars on a thread of their own, one after the other, each within a time. */
import { EngineError } from '../../core/errors.js';
import type { Automaton } from '../../runtime/grammar/automaton.js';
import { grammarError, mostCompileMs } from '../../runtime/grammar/limits.js';
import type { Grammar } from '../../runtime/types.js';
import { Helper } from './helper.js';

/** Grammars that wait for their turn. */
const mostWaiting = 32;

const helper = new Helper<Grammar, Automaton>({
  name: 'waferflow-grammars',
  entry: new URL('./grammar-entry.js', import.meta.url),
  mostMs: mostCompileMs,
  memoryMb: 512,
  tooMuch: (given, expected) => grammarError(given, expected, 'Use a smaller grammar.'),
});

/** Rejects with OptionError, also on a grammar that takes too long or too much memory. */
export async function compileGrammar(grammar: Grammar): Promise<Automaton> {
  if (helper.waitingCount >= mostWaiting) {
    throw new EngineError({
      what: 'compiling a grammar',
      given: `${helper.waitingCount} others that wait`,
      expected: `fewer than ${mostWaiting}`,
      todo: 'Try again later.',
    });
  }
  return await helper.ask(grammar);
}
