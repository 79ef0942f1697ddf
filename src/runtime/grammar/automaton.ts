/**
 * Rules to a pushdown automaton over bytes. A state has edges on byte ranges and calls of rules, each with the state to
 * go on in; what cannot lead to the end of a text is left out, so every prefix the automaton takes can be completed.
 */
import { OptionError } from '../../core/errors.js';
import { type CodePoints, type Expr, pairsOf, type Rules, rootRule } from './expr.js';

/** States of one grammar; bounds memory and the time to compile. */
const mostStates = 50_000;
/** A set with more byte sequences than this becomes a rule of its own instead of being copied. */
const mostInlineSequences = 4;

export interface ByteEdge {
  readonly from: number;
  readonly to: number;
  readonly target: number;
}

export interface CallEdge {
  /** First state of the rule called. */
  readonly start: number;
  /** Where to go on after the rule; -1 where the caller ends there as well. */
  readonly target: number;
}

/** A state with its empty moves followed already. */
export interface State {
  readonly edges: readonly ByteEdge[];
  readonly calls: readonly CallEdge[];
  /** The rule may end here. */
  readonly isEnd: boolean;
}

export interface Automaton {
  /** Only states that can be entered are filled in. */
  readonly states: readonly (State | undefined)[];
  readonly start: number;
  /** Bytes that no edge tells apart have the same class. */
  readonly classOfByte: Uint8Array;
  /** A byte of each class. */
  readonly byteOfClass: readonly number[];
}

/** Throws OptionError on rules that are missing, left-recursive, too large or without any text. */
export function compileAutomaton(rules: Rules): Automaton {
  const builder = new Builder(rules);
  const start = builder.start(rootRule);
  builder.finish();
  const useful = builder.reachesEnd(true);
  if (useful[start] === 0) throw grammarError('no text at all', 'at least one text', 'Loosen the grammar.');
  const nullable = builder.reachesEnd(false);
  builder.refuseLeftRecursion(useful, nullable);
  const states = builder.close(start, useful);
  return { states, start, ...byteClasses(states) };
}

interface Draft {
  readonly moves: number[];
  readonly edges: ByteEdge[];
  readonly calls: { readonly rule: number; readonly target: number }[];
}

class Builder {
  private readonly rules: Rules;
  private readonly drafts: Draft[] = [];
  private readonly ruleOf = new Map<string | Expr, number>();
  /** Sets that are copied, by what they are made of. */
  private readonly inlined = new Map<Expr, readonly ByteSequence[]>();
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private readonly names: string[] = [];
  private readonly pending: { readonly expr: Expr; readonly rule: number }[] = [];

  constructor(rules: Rules) {
    this.rules = rules;
  }

  start(name: string): number {
    return this.starts[this.rule(name)]!;
  }

  finish(): void {
    for (let next = this.pending.pop(); next !== undefined; next = this.pending.pop()) {
      const end = this.add(next.expr, this.starts[next.rule]!);
      this.drafts[end]!.moves.push(this.ends[next.rule]!);
    }
  }

  /** The rule of a name or of a shared expression; its states come later, so that deep rules need no deep stack. */
  private rule(key: string | Expr): number {
    const known = this.ruleOf.get(key);
    if (known !== undefined) return known;
    const expr = typeof key === 'string' ? this.rules.get(key) : key;
    if (expr === undefined) {
      throw grammarError(
        `the name "${String(key)}" without a rule`,
        'a rule for every name',
        'Add the rule.',
      );
    }
    const rule = this.starts.length;
    this.ruleOf.set(key, rule);
    this.starts.push(this.state());
    this.ends.push(this.state());
    this.names.push(typeof key === 'string' ? key : '');
    this.pending.push({ expr, rule });
    return rule;
  }

  private state(): number {
    if (this.drafts.length >= mostStates) {
      throw grammarError(
        `more than ${mostStates} states`,
        'a smaller grammar',
        'Use smaller repetition counts or lengths, or fewer alternatives.',
      );
    }
    this.drafts.push({ moves: [], edges: [], calls: [] });
    return this.drafts.length - 1;
  }

  /** Adds `expr` after the state `from`; returns the state after it. */
  private add(expr: Expr, from: number): number {
    switch (expr.kind) {
      case 'text': {
        let at = from;
        for (const byte of utf8.encode(expr.text)) at = this.byteEdge(at, byte, byte);
        return at;
      }
      case 'chars':
        return this.addChars(expr, from);
      case 'seq':
        return expr.parts.reduce((at, part) => this.add(part, at), from);
      case 'alt': {
        const end = this.state();
        for (const option of expr.options) this.drafts[this.add(option, from)]!.moves.push(end);
        return end;
      }
      case 'rule':
        return this.call(this.rule(expr.name), from);
      case 'repeat':
        return this.addRepeat(expr.of, expr.least, expr.most, from);
    }
  }

  private addChars(expr: Extract<Expr, { kind: 'chars' }>, from: number): number {
    let rule = this.ruleOf.get(expr);
    if (rule === undefined) {
      const sequences = this.inlined.get(expr) ?? byteSequences(expr.set);
      if (sequences.length <= mostInlineSequences) {
        this.inlined.set(expr, sequences);
        return this.addSequences(sequences, from);
      }
      rule = this.starts.length;
      this.ruleOf.set(expr, rule);
      const start = this.state();
      this.starts.push(start);
      this.ends.push(this.addSequences(sequences, start));
      this.names.push('');
    }
    return this.call(rule, from);
  }

  private addSequences(sequences: readonly ByteSequence[], from: number): number {
    const end = this.state();
    for (const sequence of sequences) {
      let at = from;
      for (const [i, [low, high]] of sequence.entries()) {
        at = this.byteEdge(at, low, high, i === sequence.length - 1 ? end : undefined);
      }
    }
    return end;
  }

  private addRepeat(of: Expr, least: number, most: number, from: number): number {
    const copies = most === Number.POSITIVE_INFINITY ? least + 1 : most;
    const isSmall = of.kind === 'rule' || (of.kind === 'text' && of.text.length <= 2) || of.kind === 'chars';
    const one = (at: number): number =>
      copies <= 1 || isSmall ? this.add(of, at) : this.call(this.rule(of), at);
    let at = from;
    for (let i = 0; i < least; i++) at = one(at);
    if (most === Number.POSITIVE_INFINITY) {
      const loop = this.state();
      this.drafts[at]!.moves.push(loop);
      this.drafts[one(loop)]!.moves.push(loop);
      return loop;
    }
    const end = this.state();
    for (let i = least; i < most; i++) {
      this.drafts[at]!.moves.push(end);
      at = one(at);
    }
    this.drafts[at]!.moves.push(end);
    return end;
  }

  private byteEdge(at: number, from: number, to: number, target = this.state()): number {
    this.drafts[at]!.edges.push({ from, to, target });
    return target;
  }

  private call(rule: number, from: number): number {
    const target = this.state();
    this.drafts[from]!.calls.push({ rule, target });
    return target;
  }

  /** 1 for each state from which its rule can end, with or without taking bytes. */
  reachesEnd(withBytes: boolean): Uint8Array {
    const reaches = new Uint8Array(this.drafts.length);
    const before: (number[] | undefined)[] = new Array(this.drafts.length);
    const callers: ({ readonly state: number; readonly rule: number }[] | undefined)[] = new Array(
      this.drafts.length,
    );
    const waiting: number[][] = this.starts.map(() => []);
    for (const [state, { moves, edges, calls }] of this.drafts.entries()) {
      for (const target of moves) addTo(before, target, state);
      if (withBytes) for (const { target } of edges) addTo(before, target, state);
      for (const { rule, target } of calls) addTo(callers, target, { state, rule });
    }
    const rulesAt = new Map<number, number>(this.starts.map((start, rule) => [start, rule]));
    const queue: number[] = [];
    const mark = (state: number): void => {
      if (reaches[state] === 1) return;
      reaches[state] = 1;
      queue.push(state);
    };
    for (const end of this.ends) mark(end);
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      for (const other of before[state] ?? []) mark(other);
      for (const caller of callers[state] ?? []) {
        if (reaches[this.starts[caller.rule]!] === 1) mark(caller.state);
        else waiting[caller.rule]!.push(caller.state);
      }
      const rule = rulesAt.get(state);
      if (rule !== undefined) for (const other of waiting[rule]!) mark(other);
    }
    return reaches;
  }

  /** A rule that can call itself before it has taken a byte would call itself for ever. */
  refuseLeftRecursion(useful: Uint8Array, nullable: Uint8Array): void {
    const callsFirst = this.starts.map((start) => {
      const called = new Set<number>();
      const seen = new Set([start]);
      for (const state of seen) {
        const { moves, calls } = this.drafts[state]!;
        for (const target of moves) seen.add(target);
        for (const { rule, target } of calls) {
          if (useful[target] === 0 || useful[this.starts[rule]!] === 0) continue;
          called.add(rule);
          if (nullable[this.starts[rule]!] === 1) seen.add(target);
        }
      }
      return called;
    });
    // Takes away rules that call none of the rest until nothing changes: what stays is on or before a cycle.
    const callers: number[][] = this.starts.map(() => []);
    const open = callsFirst.map((called) => called.size);
    for (const [rule, called] of callsFirst.entries()) for (const other of called) callers[other]!.push(rule);
    const done = open.flatMap((count, rule) => (count === 0 ? [rule] : []));
    for (const rule of done)
      for (const caller of callers[rule]!) if (--open[caller]! === 0) done.push(caller);
    if (done.length === open.length) return;
    const named = this.names.find((name, rule) => open[rule]! > 0 && name !== '') ?? rootRule;
    throw grammarError(
      `the rule "${named}", which can begin with itself`,
      'rules that take a character before they repeat',
      'Write the repetition with * or put it at the end of the rule.',
    );
  }

  /** The states that can be entered from `start`, without empty moves and useless edges. */
  close(start: number, useful: Uint8Array): (State | undefined)[] {
    const isEnd = new Uint8Array(this.drafts.length);
    for (const end of this.ends) isEnd[end] = 1;
    const states: (State | undefined)[] = new Array(this.drafts.length);
    const entered = new Set([start]);
    for (const state of entered) {
      const edges: ByteEdge[] = [];
      const calls: { readonly start: number; readonly target: number }[] = [];
      const seen = new Set([state]);
      for (const at of seen) {
        const draft = this.drafts[at]!;
        for (const target of draft.moves) if (useful[target] === 1) seen.add(target);
        for (const edge of draft.edges) if (useful[edge.target] === 1) edges.push(edge);
        for (const { rule, target } of draft.calls) {
          const first = this.starts[rule]!;
          if (useful[target] === 1 && useful[first] === 1) calls.push({ start: first, target });
        }
      }
      for (const { target } of edges) entered.add(target);
      for (const call of calls) entered.add(call.start).add(call.target);
      states[state] = { edges, calls, isEnd: [...seen].some((at) => isEnd[at] === 1) };
    }
    const endsThere = (target: number): boolean => {
      const { edges, calls, isEnd: ends } = states[target]!;
      return ends && edges.length === 0 && calls.length === 0;
    };
    return states.map(
      (state) =>
        state && {
          ...state,
          calls: state.calls.map((call) => ({ ...call, target: endsThere(call.target) ? -1 : call.target })),
        },
    );
  }
}

/** Most lists stay empty, so they are made when needed. */
function addTo<T>(lists: (T[] | undefined)[], at: number, item: T): void {
  const list = lists[at];
  if (list === undefined) lists[at] = [item];
  else list.push(item);
}

function byteClasses(states: readonly (State | undefined)[]): Pick<Automaton, 'classOfByte' | 'byteOfClass'> {
  const starts = new Uint8Array(257);
  for (const state of states) {
    for (const { from, to } of state?.edges ?? []) {
      starts[from] = 1;
      starts[to + 1] = 1;
    }
  }
  const classOfByte = new Uint8Array(256);
  const byteOfClass = [0];
  for (let byte = 1; byte < 256; byte++) {
    if (starts[byte] === 1) byteOfClass.push(byte);
    classOfByte[byte] = byteOfClass.length - 1;
  }
  return { classOfByte, byteOfClass };
}

/** A range of each byte in turn. */
type ByteSequence = readonly (readonly [low: number, high: number])[];

const utf8 = new TextEncoder();

/** The UTF-8 of a set of code points as byte ranges. */
function byteSequences(set: CodePoints): ByteSequence[] {
  const sequences: ByteSequence[] = [];
  const split = (from: number, to: number): void => {
    for (const last of [0x7f, 0x7ff, 0xffff]) {
      if (from <= last && last < to) {
        split(from, last);
        split(last + 1, to);
        return;
      }
    }
    // Within one length, ranges end where continuation bytes turn over.
    for (let bits = 6; to > 0x7f && bits <= 18; bits += 6) {
      const low = (1 << bits) - 1;
      if (from >> bits === to >> bits) break;
      const cut = (from & low) !== 0 ? (from | low) + 1 : (to & low) !== low ? to & ~low : 0;
      if (cut === 0) continue;
      split(from, cut - 1);
      split(cut, to);
      return;
    }
    const [first, last] = [from, to].map((codePoint) => utf8.encode(String.fromCodePoint(codePoint)));
    sequences.push(Array.from(first!, (byte, i) => [byte, last![i]!]));
  };
  for (const [from, to] of pairsOf(set)) split(from, to);
  return sequences;
}

export function grammarError(given: string, expected: string, todo: string): OptionError {
  return new OptionError({ what: 'grammar', given, expected, todo });
}
