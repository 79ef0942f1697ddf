/** The thread on which grammars are compiled. */
import { parentPort } from 'node:worker_threads';
import { failureOf, packError } from '../../runtime/failure.js';
import { compileGrammar } from '../../runtime/grammar/grammar.js';
import type { Grammar } from '../../runtime/types.js';
import type { GrammarAnswer } from './grammar-helper.js';

parentPort?.on('message', (grammar: Grammar) => parentPort?.postMessage(answerTo(grammar)));

function answerTo(grammar: Grammar): GrammarAnswer {
  try {
    return { automaton: compileGrammar(grammar) };
  } catch (fault) {
    return { failure: packError(failureOf(fault)) };
  }
}
