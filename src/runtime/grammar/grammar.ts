/**
 * Structured output: which tokens keep an answer a prefix of a language. The state of a match is a set of stacks of an
 * automaton over bytes (see automaton.ts); sets are kept once and remember where each byte leads and which
 * tokens they allow, so that most masks are a look-up.
 *
 * Why not @mlc-ai/web-xgrammar 0.1.27: its module aborts on every schema, pattern and grammar that it refuses, which
 * takes all matches with it, and it ignores keywords that it does not know, so that its answers need not validate.
 */

import type { Budget } from '../../core/budget.js';
import { knownMarks } from '../../formats/answer/reader.js';
import type { FramedValue, Grammar, Tokenizer } from '../types.js';
import { type Automaton, compileAutomaton } from './automaton.js';
import { parseEbnf } from './ebnf.js';
import {
  alt,
  bytesOf,
  controlByte,
  controlText,
  type Expr,
  type Rules,
  renamed,
  rootRule,
  rule,
  seq,
  text,
} from './expr.js';
import { jsonRules } from './json.js';
import { compileBudget, grammarError, mostGrammarLength } from './limits.js';
import { type Configuration, Pushdown } from './pushdown.js';
import { parseRegex } from './regex.js';
import { schemaRules } from './schema.js';
import { buildTokenTrie, type TokenTrie } from './trie.js';

/** Follows one answer token by token. */
export interface GrammarMatcher {
  /** The mask is made, or the answer has ended. */
  readonly isReady: boolean;
  /**
   * Goes on with the mask for about so many steps; says whether it is ready.
   *
   * @throws OptionError if no token fits, or if the grammar is so ambiguous that following it takes too long
   */
  prepare(steps: number): boolean;
  /**
   * A bit per token id, little endian in 32-bit words: 1 where the token may come next. End tokens may come when the
   * answer is complete. The array is shared: do not write to it. Throws as `prepare`, whose work it finishes.
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
  /** The same for a grammar that is compiled already; the same key must mean the same one. */
  follow(key: string, automaton: Automaton): GrammarMatcher;
}

/** What is kept of grammars used lately, in stacks; the least recently used one goes. */
const mostWeight = 4_000_000;
const mostGrammars = 32;
const nothingAtAll = new Uint8Array(0);

/** `vocabulary` has the bytes of each token, none for control tokens. */
export function createGrammarCompiler(
  vocabulary: readonly Uint8Array[],
  eosIds: Iterable<number>,
): GrammarCompiler {
  const ends = new Set(eosIds);
  const known = new Map<string, Pushdown>();
  let trie: TokenTrie | undefined;
  const follow = (key: string, automaton: () => Automaton): GrammarMatcher => {
    let pushdown = known.get(key);
    known.delete(key);
    if (pushdown === undefined) {
      trie ??= buildTokenTrie(vocabulary.map((bytes, id) => (ends.has(id) ? new Uint8Array(0) : bytes)));
      pushdown = new Pushdown(automaton(), trie, vocabulary.length, ends);
    }
    known.set(key, pushdown);
    let weight = [...known.values()].reduce((sum, each) => sum + each.weight, 0);
    for (const [oldest, { weight: freed }] of known) {
      if (known.size === 1 || (known.size <= mostGrammars && weight <= mostWeight)) break;
      known.delete(oldest);
      weight -= freed;
    }
    return new Matcher(pushdown, vocabulary, ends);
  };
  return {
    compile: (grammar) => follow(JSON.stringify(grammar), () => compileGrammar(grammar)),
    follow: (key, automaton) => follow(key, () => automaton),
  };
}

/** The automaton of a grammar, whatever the vocabulary. Throws OptionError, or what the budget throws. */
export function compileGrammar(grammar: Grammar, budget: Budget = compileBudget()): Automaton {
  try {
    const { length } = textOf(grammar);
    if (length > mostGrammarLength) {
      throw grammarError(`${length} characters`, `at most ${mostGrammarLength}`, 'Use a smaller grammar.');
    }
    return compileAutomaton(parseGrammar(grammar, budget), budget);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    // The stack of this thread is what bounds names and nesting that no other limit does.
    throw grammarError('too much nesting', 'a flatter grammar', 'Use fewer levels and shorter names.');
  }
}

function textOf(grammar: Grammar): string {
  switch (grammar.type) {
    case 'json':
      return '';
    case 'jsonSchema':
      return grammar.schema;
    case 'regex':
      return grammar.pattern;
    case 'ebnf':
      return grammar.text;
    case 'framed':
      return grammar.ways.map(({ before, schema, after }) => before + schema + after).join('');
    default:
      grammar satisfies never;
      throw grammarError('an unknown type', 'json, jsonSchema, regex, ebnf or framed', 'Set its type.');
  }
}

function parseGrammar(grammar: Grammar, budget: Budget): Rules {
  switch (grammar.type) {
    case 'json':
      return jsonRules;
    case 'jsonSchema':
      return schemaRules(grammar.schema, budget);
    case 'regex':
      return parseRegex(grammar.pattern, budget);
    case 'ebnf':
      return parseEbnf(grammar.text, budget);
    case 'framed':
      return framedRules(grammar.ways, budget);
  }
}

/** One of several values between texts; rules of the schemas are told apart by their number in front. */
function framedRules(ways: readonly FramedValue[], budget: Budget): Rules {
  const rules = new Map<string, Expr>(jsonRules);
  const options = ways.map(({ before, schema, after }, i) => {
    const nameOf = (name: string): string =>
      jsonRules.has(name) && name !== rootRule ? name : `${i} ${name}`;
    for (const [name, expr] of schemaRules(schema, budget)) rules.set(nameOf(name), renamed(expr, nameOf));
    return seq(marked(before), rule(nameOf(rootRule)), marked(after));
  });
  return rules.set(rootRule, alt(...options));
}

/** A text whose marks may be control tokens, as most vocabularies have them. */
function marked(whole: string): Expr {
  const mark = [...knownMarks]
    .filter((one) => whole.includes(one))
    .sort((a, b) => whole.indexOf(a) - whole.indexOf(b) || b.length - a.length)[0];
  if (mark === undefined) return text(whole);
  const at = whole.indexOf(mark);
  return seq(
    text(whole.slice(0, at)),
    alt(text(mark), text(controlText(mark))),
    marked(whole.slice(at + mark.length)),
  );
}

/** What a grammar knows of a vocabulary: the bytes of its tokens, and the names of the control tokens that are marks. */
export function vocabularyOf(tokenizer: Pick<Tokenizer, 'vocabSize' | 'bytesOf' | 'textOf'>): Uint8Array[] {
  return Array.from({ length: tokenizer.vocabSize }, (_, id) => {
    const bytes = tokenizer.bytesOf(id);
    const name = bytes.length === 0 ? tokenizer.textOf(id) : '';
    if (knownMarks.has(name)) return bytesOf(controlText(name));
    // What is in no text must not stand for what leads a control token's name.
    return bytes[0] === controlByte ? nothingAtAll : bytes;
  });
}

class Matcher implements GrammarMatcher {
  private readonly pushdown: Pushdown;
  private readonly vocabulary: readonly Uint8Array[];
  private readonly ends: ReadonlySet<number>;
  /** Null after an end token. */
  private at: Configuration | null;
  /** The mask, once it is made: the pushdown may forget it before it is used. */
  private ready: Int32Array | null = null;

  constructor(pushdown: Pushdown, vocabulary: readonly Uint8Array[], ends: ReadonlySet<number>) {
    this.pushdown = pushdown;
    this.vocabulary = vocabulary;
    this.ends = ends;
    this.at = pushdown.start;
  }

  get isComplete(): boolean {
    return this.at === null || this.at.isComplete;
  }

  get isReady(): boolean {
    return this.at === null || this.ready !== null;
  }

  prepare(steps: number): boolean {
    if (this.at !== null) this.ready ??= this.pushdown.mask(this.at, steps);
    return this.isReady;
  }

  mask(): Int32Array {
    if (this.at === null) throw grammarError('an end token', 'nothing after it', 'Stop at end tokens.');
    this.prepare(Number.POSITIVE_INFINITY);
    return this.ready!;
  }

  accept(id: number): boolean {
    if (this.at === null) return false;
    if (this.ends.has(id)) {
      if (!this.at.isComplete) return false;
      this.at = null;
      this.ready = null;
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
    this.ready = null;
    return true;
  }
}
