/**
 * Patterns as small programs over arrays of code points. Backtracking keeps its own stack and counts its steps, so that
 * no text and no pattern overflows or hangs: a word of four million letters is one step of a loop over a class.
 */
import { FormatError } from '../../core/errors.js';
import { CharClass } from './char-class.js';
import { type Edge, isWordCode, type PatternNode, parsePattern, type RepeatMode } from './pattern-parser.js';

/** Operations of a program. A RUN repeats one class; what it may give back again is one entry on the stack. */
const op = { match: 0, one: 1, run: 2, split: 3, jump: 4, look: 5, atomic: 6, edge: 7 } as const;

interface Instruction {
  readonly op: number;
  /** Class of `one` and `run`. */
  readonly set: CharClass;
  readonly min: number;
  readonly max: number;
  readonly mode: RepeatMode;
  /** Where `split` goes on first, where `jump` goes, where `look` and `atomic` go on afterwards. */
  to: number;
  /** Where `split` goes on when that failed. */
  other: number;
  readonly negative: boolean;
  readonly behind: boolean;
  readonly edge: Edge;
}

const noClass = new CharClass(() => false);
const anyClass = new CharClass(() => true);
const wordClass = new CharClass(isWordCode);
const blank: Instruction = {
  op: op.match,
  set: noClass,
  min: 0,
  max: 0,
  mode: 'greedy',
  to: 0,
  other: 0,
  negative: false,
  behind: false,
  edge: 'start',
};

/** Patterns of real files have some hundred instructions. */
const maxInstructions = 20_000;
/** Steps for each code point of a text before its pattern counts as one that does not end. */
const stepsPerCode = 500;
const leastSteps = 1_000_000;

/** The classes that a match can begin with, or undefined where it can begin with anything. */
function beginnings(node: PatternNode): { sets: readonly CharClass[]; empty: boolean } | undefined {
  switch (node.kind) {
    case 'class':
      return { sets: [node.set], empty: false };
    case 'atomic':
      return beginnings(node.body);
    case 'repeat': {
      const body = beginnings(node.body);
      return body && { sets: body.sets, empty: body.empty || node.min === 0 };
    }
    case 'choice':
    case 'sequence': {
      const sets: CharClass[] = [];
      let empty = node.kind === 'sequence';
      for (const part of node.kind === 'choice' ? node.options : node.items) {
        const inner = beginnings(part);
        if (inner === undefined) return undefined;
        sets.push(...inner.sets);
        if (node.kind === 'choice') empty ||= inner.empty;
        else if (!inner.empty) return { sets, empty: false };
      }
      return { sets, empty };
    }
    default:
      return undefined;
  }
}

/** One alternative of a pattern. */
interface Branch {
  readonly start: number;
  /** Code points that it can begin with. */
  readonly first: CharClass;
  /** It begins with a loop over a class: where that loop got to in vain, starting later inside it is in vain too. */
  readonly runsFirst: boolean;
  /** Start positions before this one need not be tried. */
  deadUntil: number;
}

export class Pattern {
  readonly source: string;
  private readonly name: string;
  private readonly code: Instruction[] = [];
  private readonly branches: readonly Branch[];
  /** Entries of three: where to go on, at which position, and down to which position a run may be cut (or -1). */
  private stack = new Int32Array(3 * 256);
  private steps = 0;
  private codes: Int32Array = new Int32Array(0);
  private from = 0;
  private to = 0;
  private runEnd = 0;
  /** Where the last match that {@link find} found begins and ends. */
  matchStart = 0;
  matchEnd = 0;

  /** Throws FormatError, with `name` in front, on a pattern that cannot be read. */
  constructor(source: string, name: string) {
    this.source = source;
    this.name = name;
    const tree = parsePattern(source, name);
    const options = tree.kind === 'choice' ? tree.options : [tree];
    this.branches = options.map((option) => {
      const start = this.code.length;
      this.emit(option);
      this.add({ op: op.match });
      const head = this.code[start]!;
      const begin = beginnings(option);
      const sets = begin === undefined || begin.empty ? [anyClass] : begin.sets;
      return {
        start,
        first: sets.length === 1 ? sets[0]! : new CharClass((code) => sets.some((set) => set.has(code))),
        runsFirst:
          head.op === op.run && head.min <= 1 && head.max === Infinity && !this.code.some((x) => x.behind),
        deadUntil: 0,
      };
    });
  }

  private add(parts: Partial<Instruction>): Instruction {
    if (this.code.length >= maxInstructions)
      throw this.error(`more than ${maxInstructions} instructions`, 'a shorter one');
    const instruction = { ...blank, ...parts };
    this.code.push(instruction);
    return instruction;
  }

  private error(given: string, expected: string): FormatError {
    return new FormatError({
      what: `${this.name}: pattern ${JSON.stringify(this.source.slice(0, 200))}`,
      given,
      expected,
      todo: 'Take a GGUF file of this model, which names its pre-tokeniser instead.',
    });
  }

  private emit(node: PatternNode): void {
    switch (node.kind) {
      case 'class':
        this.add({ op: op.one, set: node.set });
        return;
      case 'sequence':
        for (const item of node.items) this.emit(item);
        return;
      case 'choice':
        this.emitChoice(node.options);
        return;
      case 'repeat':
        this.emitRepeat(node);
        return;
      case 'look':
      case 'atomic': {
        const behind = node.kind === 'look' && node.behind;
        if (behind && node.body.kind !== 'class')
          throw this.error('a look behind at more than one character', 'one character or class');
        const around = this.add({
          op: node.kind === 'look' ? op.look : op.atomic,
          negative: node.kind === 'look' && node.negative,
          behind,
        });
        this.emit(node.body);
        this.add({ op: op.match });
        around.to = this.code.length;
        return;
      }
      case 'edge':
        this.add({ op: op.edge, edge: node.edge });
    }
  }

  private emitChoice(options: readonly PatternNode[]): void {
    const jumps: Instruction[] = [];
    for (const [i, option] of options.entries()) {
      const split = i < options.length - 1 ? this.add({ op: op.split, to: this.code.length + 1 }) : undefined;
      this.emit(option);
      if (split === undefined) continue;
      jumps.push(this.add({ op: op.jump }));
      split.other = this.code.length;
    }
    for (const jump of jumps) jump.to = this.code.length;
  }

  private emitRepeat(node: Extract<PatternNode, { kind: 'repeat' }>): void {
    const { body, min, max, mode } = node;
    if (body.kind === 'class' && mode !== 'lazy') {
      this.add({ op: op.run, set: body.set, min, max, mode });
      return;
    }
    if (mode === 'possessive') {
      this.emit({ kind: 'atomic', body: { ...node, mode: 'greedy' } });
      return;
    }
    if (max === Infinity && beginnings(body)?.empty !== false)
      throw this.error('a loop over something that can be empty', 'loops that go on with every round');
    for (let i = 0; i < min; i++) this.emit(body);
    const splits: { readonly split: Instruction; readonly into: number }[] = [];
    const loop = this.code.length;
    for (let i = min; i < (max === Infinity ? min + 1 : max); i++) {
      splits.push({ split: this.add({ op: op.split }), into: this.code.length });
      this.emit(body);
    }
    if (max === Infinity) this.add({ op: op.jump, to: loop });
    const out = this.code.length;
    for (const { split, into } of splits) {
      split.to = mode === 'lazy' ? out : into;
      split.other = mode === 'lazy' ? into : out;
    }
  }

  /** Sets the text for {@link find}: `codes[from, to)`, which is all that the pattern sees. */
  begin(codes: Int32Array, from: number, to: number): void {
    this.codes = codes;
    this.from = from;
    this.to = to;
    this.steps = 0;
    for (const branch of this.branches) branch.deadUntil = 0;
  }

  /** Finds the first match at or after `at`. Throws FormatError when the pattern takes far too many steps. */
  find(at: number): boolean {
    const { codes, to, branches } = this;
    for (let start = at; start < to; start++) {
      const code = codes[start]!;
      for (const branch of branches) {
        if (start < branch.deadUntil || !branch.first.has(code)) continue;
        this.runEnd = 0;
        const end = this.run(branch.start, start, 0);
        if (end >= 0) {
          this.matchStart = start;
          this.matchEnd = end;
          return true;
        }
        if (branch.runsFirst) branch.deadUntil = this.runEnd;
      }
    }
    return false;
  }

  /** Runs the program from instruction `pc`: the end of the match, or -1. `base` is where its part of the stack begins. */
  private run(start: number, from: number, base: number): number {
    const { code, codes, to } = this;
    let pc = start;
    let at = from;
    let top = base;
    for (;;) {
      this.steps++;
      const now = code[pc]!;
      let failed = false;
      switch (now.op) {
        case op.match:
          return at;
        case op.one:
          if (at < to && now.set.has(codes[at]!)) {
            at++;
            pc++;
          } else failed = true;
          break;
        case op.run: {
          const { set, min, max } = now;
          const limit = max < to - at ? at + max : to;
          let end = at;
          while (end < limit && set.has(codes[end]!)) end++;
          this.steps += (end - at) >> 4;
          if (pc === start) this.runEnd = end;
          if (end - at < min) failed = true;
          else {
            pc++;
            if (end - at > min && now.mode === 'greedy' && code[pc]!.op !== op.match)
              top = this.push(top, pc, end, at + min);
            at = end;
          }
          break;
        }
        case op.split:
          top = this.push(top, now.other, at, -1);
          pc = now.to;
          break;
        case op.jump:
          pc = now.to;
          break;
        case op.look:
        case op.atomic: {
          const origin = now.behind ? at - 1 : at;
          const end = origin < this.from ? -1 : this.run(pc + 1, origin, top);
          if (end >= 0 === now.negative) failed = true;
          else {
            if (now.op === op.atomic) at = end;
            pc = now.to;
          }
          break;
        }
        default:
          if (this.atEdge(now.edge, at)) pc++;
          else failed = true;
      }
      if (!failed) continue;
      if (this.steps > leastSteps + stepsPerCode * (to - this.from)) throw this.endless();
      if (top === base) return -1;
      const { stack } = this;
      pc = stack[top - 3]!;
      at = stack[top - 2]!;
      const low = stack[top - 1]!;
      if (low < 0) top -= 3;
      else {
        // One shorter than before; an entry at its lowest is used up.
        at--;
        if (at === low) top -= 3;
        else stack[top - 2] = at;
      }
    }
  }

  private push(top: number, pc: number, at: number, low: number): number {
    if (top + 3 > this.stack.length) {
      const grown = new Int32Array(2 * this.stack.length);
      grown.set(this.stack);
      this.stack = grown;
    }
    this.stack[top] = pc;
    this.stack[top + 1] = at;
    this.stack[top + 2] = low;
    return top + 3;
  }

  private endless(): FormatError {
    return this.error(
      `${this.steps} steps on a text of ${this.to - this.from} characters`,
      'a pattern that is done in a few steps for each character',
    );
  }

  private atEdge(edge: Edge, at: number): boolean {
    if (edge === 'start') return at === this.from;
    if (edge === 'end') return at === this.to;
    const before = at > this.from && wordClass.has(this.codes[at - 1]!);
    const after = at < this.to && wordClass.has(this.codes[at]!);
    return (before !== after) === (edge === 'word');
  }
}
