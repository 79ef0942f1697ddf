/** The thread on which grammars are compiled. */
import { compileGrammar } from '../../runtime/grammar/grammar.js';
import type { Grammar } from '../../runtime/types.js';
import { answer } from './helper-answer.js';

answer((grammar: Grammar) => compileGrammar(grammar));
