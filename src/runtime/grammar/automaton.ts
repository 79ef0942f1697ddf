/**
 * Rules to a pushdown automaton over bytes. A state has edges on byte ranges and calls of rules, each with the state to
 * go on in; what cannot lead to the end of a text is left out, so every prefix the automaton takes can be completed.
 */
import type { Budget } from '../../core/budget.js';
import { bytesOf, type CodePoints, type Expr, pairsOf, type Rules, rootRule } from './expr.js';
import { grammarError, mostEdges, mostStates } from './limits.js';

/** A set with more byte sequences than this becomes a rule of its own instead of being copied. */
const mostInlineSequences = 4;

/** Plain data, of states that can be entered alone, with their empty moves followed already. */
export interface Automaton {
  readonly start: number;
  /** Edges of state i: `edges[edgesOf[i]]` to `edges[edgesOf[i + 1] - 1]`, as low byte, high byte and target. */
  readonly edgesOf: Int32Array;
  readonly edges: Int32Array;
  /** Likewise calls of rules, as the rule's first state and the state to go on in; -1 where the caller ends there too. */
  readonly callsOf: Int32Array;
  readonly calls: Int32Array;
  /** 1 where the rule of a state may end. */
  readonly ends: Uint8Array;
  /** Bytes that no edge tells apart have the same class. */
  readonly classOfByte: Uint8Array;
  /** A byte of each class. */
  readonly byteOfClass: Uint8Array;
}

/** Throws OptionError on rules that are missing, left-recursive, too large or without any text. */
export function compileAutomaton(rules: Rules, budget: Budget): Automaton {
  const builder = new Builder(rules, budget);
  const start = builder.start(rootRule);
  builder.finish();
  const useful = builder.reachesEnd(true);
  if (useful[start] === 0) throw grammarError('no text at all', 'at least one text', 'Loosen the grammar.');
  const nullable = builder.reachesEnd(false);
  builder.refuseLeftRecursion(useful, nullable);
  return builder.close(start, useful);
}

interface ByteEdge {
  readonly from: number;
  readonly to: number;
  readonly target: number;
}

interface Draft {
  readonly moves: number[];
  readonly edges: ByteEdge[];
  readonly calls: { readonly rule: number; readonly target: number }[];
}

class Builder {
  private readonly rules: Rules;
  private readonly budget: Budget;
  private readonly drafts: Draft[] = [];
  private readonly ruleOf = new Map<string | Expr, number>();
  /** Sets that are copied, by what they are made of. */
  private readonly inlined = new Map<Expr, readonly ByteSequence[]>();
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private readonly names: string[] = [];
  private readonly pending: { readonly expr: Expr; readonly rule: number }[] = [];

  constructor(rules: Rules, budget: Budget) {
    this.rules = rules;
    this.budget = budget;
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
    this.budget.spend(4);
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
    this.budget.spend(1);
    switch (expr.kind) {
      case 'text': {
        let at = from;
        for (const byte of bytesOf(expr.text)) at = this.byteEdge(at, byte, byte);
        return at;
      }
      case 'chars':
        return this.addChars(expr, from);
      case 'seq':
        return expr.parts.reduce((at, part) => this.add(part, at), from);
      case 'alt':
        return this.addOptions(expr.options, from);
      case 'rule':
        return this.call(this.rule(expr.name), from);
      case 'repeat':
        return this.addRepeat(expr.of, expr.least, expr.most, from);
    }
  }

  /** Texts that begin alike have their beginnings together, so that long lists of them are read one way. */
  private addOptions(options: readonly Expr[], from: number): number {
    const end = this.state();
    const tree = new Map<number, number>();
    for (const option of options) {
      let at = from;
      if (option.kind !== 'text') at = this.add(option, from);
      else {
        for (const byte of bytesOf(option.text)) {
          const key = at * 256 + byte;
          const known = tree.get(key);
          at = known ?? this.byteEdge(at, byte, byte);
          if (known === undefined) tree.set(key, at);
        }
      }
      this.drafts[at]!.moves.push(end);
    }
    return end;
  }

  private addChars(expr: Extract<Expr, { kind: 'chars' }>, from: number): number {
    let rule = this.ruleOf.get(expr);
    if (rule === undefined) {
      let sequences = this.inlined.get(expr);
      if (sequences === undefined) {
        this.budget.spend(2 * expr.set.length);
        sequences = byteSequences(expr.set);
      }
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
    if (this.isEmpty(of)) return from;
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

  /** Whether it is the empty text alone, of which any number is one. */
  private isEmpty(expr: Expr): boolean {
    this.budget.spend(1);
    if (expr.kind === 'text') return expr.text === '';
    if (expr.kind === 'seq') return expr.parts.every((part) => this.isEmpty(part));
    if (expr.kind === 'repeat') return expr.most === 0 || this.isEmpty(expr.of);
    return false;
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
  close(start: number, useful: Uint8Array): Automaton {
    const isEnd = new Uint8Array(this.drafts.length);
    for (const end of this.ends) isEnd[end] = 1;
    /** Where an entered state stands in the result; -1 for others. */
    const places = new Int32Array(this.drafts.length).fill(-1);
    const entered: number[] = [];
    const enter = (state: number): number => {
      if (places[state] === -1) places[state] = entered.push(state) - 1;
      return places[state]!;
    };
    const edges: number[] = [];
    const calls: number[] = [];
    const [edgesOf, callsOf, ends]: [number[], number[], number[]] = [[0], [0], []];
    /** The state in whose closure each state was seen last. */
    const seenFrom = new Int32Array(this.drafts.length).fill(-1);
    enter(start);
    for (let place = 0; place < entered.length; place++) {
      const seen = [entered[place]!];
      seenFrom[seen[0]!] = place;
      let ended = 0;
      for (const at of seen) {
        this.budget.spend(1);
        const draft = this.drafts[at]!;
        if (isEnd[at] === 1) ended = 1;
        for (const target of draft.moves) {
          if (useful[target] === 0 || seenFrom[target] === place) continue;
          seenFrom[target] = place;
          seen.push(target);
        }
        for (const { from, to, target } of draft.edges)
          if (useful[target] === 1) edges.push(from, to, enter(target));
        for (const { rule, target } of draft.calls) {
          const first = this.starts[rule]!;
          if (useful[target] === 1 && useful[first] === 1) calls.push(enter(first), enter(target));
        }
      }
      this.budget.spend((edges.length - edgesOf[place]! * 3) / 3 + (calls.length - callsOf[place]! * 2) / 2);
      edgesOf.push(edges.length / 3);
      callsOf.push(calls.length / 2);
      ends.push(ended);
      if (edges.length / 3 + calls.length / 2 > mostEdges) {
        throw grammarError(
          `more than ${mostEdges} moves between its states`,
          'a smaller grammar',
          'Use fewer alternatives and fewer optional parts in a row.',
        );
      }
    }
    // A call after which the caller can only end needs no place to come back to.
    for (let i = 1; i < calls.length; i += 2) {
      const target = calls[i]!;
      const goesOn = edgesOf[target] !== edgesOf[target + 1] || callsOf[target] !== callsOf[target + 1];
      if (ends[target] === 1 && !goesOn) calls[i] = -1;
    }
    return {
      start: 0,
      edgesOf: wordsOf(edgesOf),
      edges: wordsOf(edges),
      callsOf: wordsOf(callsOf),
      calls: wordsOf(calls),
      ends: Uint8Array.from(ends),
      ...byteClasses(edges),
    };
  }
}

/** Most lists stay empty, so they are made when needed. */
function addTo<T>(lists: (T[] | undefined)[], at: number, item: T): void {
  const list = lists[at];
  if (list === undefined) lists[at] = [item];
  else list.push(item);
}

/** In memory that threads share, where there is such: every request with the grammar sends it to the leader. */
function wordsOf(values: readonly number[]): Int32Array {
  if (typeof SharedArrayBuffer === 'undefined') return Int32Array.from(values);
  const words = new Int32Array(new SharedArrayBuffer(values.length * 4));
  words.set(values);
  return words;
}

function byteClasses(edges: readonly number[]): Pick<Automaton, 'classOfByte' | 'byteOfClass'> {
  const starts = new Uint8Array(257);
  for (let i = 0; i < edges.length; i += 3) {
    starts[edges[i]!] = 1;
    starts[edges[i + 1]! + 1] = 1;
  }
  const classOfByte = new Uint8Array(256);
  const byteOfClass = [0];
  for (let byte = 1; byte < 256; byte++) {
    if (starts[byte] === 1) byteOfClass.push(byte);
    classOfByte[byte] = byteOfClass.length - 1;
  }
  return { classOfByte, byteOfClass: Uint8Array.from(byteOfClass) };
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
