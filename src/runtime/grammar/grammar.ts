/**
 * Structured output: which tokens keep an answer a prefix of a language. The state of a match is a set of stacks of an
 * automaton over bytes (see grammar-automaton.ts); sets are kept once and remember where each byte leads and which
 * tokens they allow, so that most masks are a look-up.
 *
 * Why not @mlc-ai/web-xgrammar 0.1.27: its module aborts on every schema, pattern and grammar that it refuses, which
 * takes all matches with it, and it ignores keywords that it does not know, so that its answers need not validate.
 */

import type { Grammar } from '../types.js';
import { type Automaton, compileAutomaton, grammarError } from './automaton.js';
import { parseEbnf } from './ebnf.js';
import type { Rules } from './expr.js';
import { jsonRules } from './json.js';
import { type Configuration, Pushdown } from './pushdown.js';
import { parseRegex } from './regex.js';
import { schemaRules } from './schema.js';
import { buildTokenTrie, type TokenTrie } from './trie.js';

/** Follows one answer token by token. */
export interface GrammarMatcher {
  /**
   * A bit per token id, little endian in 32-bit words: 1 where the token may come next. End tokens may come when the
   * answer is complete. The array is shared: do not write to it.
   *
   * @throws OptionError if no token fits, or if the grammar is so ambiguous that following it takes too much memory
   */
  mask(): Int32Array;
  /** Takes the next token; false, and no change, if the mask does not have it. */
  accept(id: number): boolean;
  /** The answer so far is a whole text of the language. */
  readonly isComplete: boolean;
}

export interface GrammarCompiler {
  /** A matcher at the start of an answer. Grammars used lately are compiled once. Throws OptionError. */
  compile(grammar: Grammar): GrammarMatcher;
}

/** Compiled grammars kept, the least recently used one goes. */
const mostGrammars = 32;

/** `vocabulary` has the bytes of each token, none for control tokens. */
export function createGrammarCompiler(
  vocabulary: readonly Uint8Array[],
  eosIds: Iterable<number>,
): GrammarCompiler {
  const ends = new Set(eosIds);
  const compiled = new Map<string, Pushdown>();
  let trie: TokenTrie | undefined;
  return {
    compile: (grammar) => {
      const key = JSON.stringify(grammar);
      let pushdown = compiled.get(key);
      compiled.delete(key);
      if (pushdown === undefined) {
        const automaton = automatonOf(grammar);
        trie ??= buildTokenTrie(vocabulary.map((bytes, id) => (ends.has(id) ? new Uint8Array(0) : bytes)));
        pushdown = new Pushdown(automaton, trie, vocabulary.length, ends);
        const oldest = compiled.keys().next();
        if (compiled.size >= mostGrammars && !oldest.done) compiled.delete(oldest.value);
      }
      compiled.set(key, pushdown);
      return new Matcher(pushdown, vocabulary, ends);
    },
  };
}

/** Throws the OptionError that `compile` would throw, without a vocabulary. */
export function checkGrammar(grammar: Grammar): void {
  automatonOf(grammar);
}

function automatonOf(grammar: Grammar): Automaton {
  try {
    return compileAutomaton(parseGrammar(grammar));
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    // The stack of this thread is what bounds names and nesting that no other limit does.
    throw grammarError('too much nesting', 'a flatter grammar', 'Use fewer levels and shorter names.');
  }
}

function parseGrammar(grammar: Grammar): Rules {
  switch (grammar.type) {
    case 'json':
      return jsonRules;
    case 'jsonSchema':
      return schemaRules(grammar.schema);
    case 'regex':
      return parseRegex(grammar.pattern);
    case 'ebnf':
      return parseEbnf(grammar.text);
    default:
      grammar satisfies never;
      throw grammarError('an unknown type', 'json, jsonSchema, regex or ebnf', 'Set its type.');
  }
}

class Matcher implements GrammarMatcher {
  private readonly pushdown: Pushdown;
  private readonly vocabulary: readonly Uint8Array[];
  private readonly ends: ReadonlySet<number>;
  /** Null after an end token. */
  private at: Configuration | null;

  constructor(pushdown: Pushdown, vocabulary: readonly Uint8Array[], ends: ReadonlySet<number>) {
    this.pushdown = pushdown;
    this.vocabulary = vocabulary;
    this.ends = ends;
    this.at = pushdown.start;
  }

  get isComplete(): boolean {
    return this.at === null || this.at.isComplete;
  }

  mask(): Int32Array {
    if (this.at === null) throw grammarError('an end token', 'nothing after it', 'Stop at end tokens.');
    return this.pushdown.mask(this.at);
  }

  accept(id: number): boolean {
    if (this.at === null) return false;
    if (this.ends.has(id)) {
      if (!this.at.isComplete) return false;
      this.at = null;
      return true;
    }
    const bytes = this.vocabulary[id];
    if (bytes === undefined || bytes.length === 0) return false;
    let at: Configuration | null = this.at;
    for (const byte of bytes) {
      at = this.pushdown.next(at, byte);
      if (at === null) return false;
    }
    this.at = at;
    return true;
  }
}
