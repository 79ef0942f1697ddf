/**
 * Grammars that were asked for lately, compiled. Quick ones are compiled where they are asked for, so that an ordinary
 * schema waits for nothing; what takes longer goes to where it holds up nobody.
 */
import type { Grammar } from '../types.js';
import type { Automaton } from './automaton.js';
import { compileGrammar } from './grammar.js';
import { NotQuick, quickBudget } from './limits.js';

/** Grammars kept, and their length in all, in UTF-16 units of their text and words of their automata. */
const mostKept = 64;
const mostWeight = 16 << 20;

export interface CompiledGrammar {
  /** Names the grammar and no other. */
  readonly key: string;
  readonly automaton: Automaton;
}

/** Compiles a grammar elsewhere. Rejects with OptionError. */
export type CompileElsewhere = (grammar: Grammar) => Promise<Automaton>;

export class CompiledGrammars {
  private readonly elsewhere: CompileElsewhere | null;
  private readonly known = new Map<string, Automaton | Promise<Automaton>>();

  /** @param elsewhere null where there is no other thread */
  constructor(elsewhere: CompileElsewhere | null) {
    this.elsewhere = elsewhere;
  }

  /** Throws OptionError, or returns a promise that rejects with it. */
  of(grammar: Grammar): CompiledGrammar | Promise<CompiledGrammar> {
    const key = JSON.stringify(grammar);
    const automaton = this.known.get(key) ?? this.compile(grammar);
    this.keep(key, automaton);
    return automaton instanceof Promise
      ? automaton.then((done) => ({ key, automaton: done }))
      : { key, automaton };
  }

  private compile(grammar: Grammar): Automaton | Promise<Automaton> {
    if (this.elsewhere === null) return compileGrammar(grammar);
    try {
      return compileGrammar(grammar, quickBudget());
    } catch (thrown) {
      if (!(thrown instanceof NotQuick)) throw thrown;
      const automaton = this.elsewhere(grammar);
      automaton.catch(() => undefined);
      return automaton;
    }
  }

  /** One that was refused is kept as well: asked for again and again, it is refused at once. */
  private keep(key: string, automaton: Automaton | Promise<Automaton>): void {
    this.known.delete(key);
    this.known.set(key, automaton);
    if (automaton instanceof Promise)
      automaton.then((done) => this.known.has(key) && this.keep(key, done)).catch(() => undefined);
    let weight = [...this.known].reduce((sum, each) => sum + weightOf(each), 0);
    for (const each of this.known) {
      if (this.known.size === 1 || (this.known.size <= mostKept && weight <= mostWeight)) return;
      this.known.delete(each[0]);
      weight -= weightOf(each);
    }
  }
}

function weightOf([key, automaton]: readonly [string, Automaton | Promise<Automaton>]): number {
  if (automaton instanceof Promise) return key.length;
  const { edges, calls, edgesOf, callsOf } = automaton;
  return key.length + edges.length + calls.length + edgesOf.length + callsOf.length;
}
