/** The GGML dialect of EBNF (llama.cpp's GBNF): `name ::= "text" [a-z] rule ( ... )? | ...`, with `#` comments. */
import type { Budget } from '../../core/budget.js';
import {
  alt,
  anyCodePoint,
  chars,
  codePoints,
  complement,
  type Expr,
  type Rules,
  repeat,
  rootRule,
  rule,
  seq,
  text,
} from './expr.js';
import { grammarError } from './limits.js';

/** Brackets within brackets. */
const mostDepth = 200;
const mostCount = 100_000;

/** Throws OptionError with the line of what is wrong. */
export function parseEbnf(source: string, budget: Budget): Rules {
  return new EbnfParser(source, budget).parse();
}

class EbnfParser {
  private readonly source: string;
  private readonly budget: Budget;
  private at = 0;
  private depth = 0;

  constructor(source: string, budget: Budget) {
    this.source = source;
    this.budget = budget;
  }

  parse(): Rules {
    const rules = new Map<string, Expr>();
    this.space(true);
    while (this.at < this.source.length) {
      const name = this.name();
      if (name === null) throw this.error('a rule like name ::= "text"');
      this.space(false);
      if (!this.take('::=')) throw this.error(`"::=" after "${name}"`);
      this.space(true);
      if (rules.has(name)) throw this.error(`one rule "${name}"; write its alternatives with |`);
      rules.set(name, this.alternatives());
      if (this.at < this.source.length && !/[\r\n]/.test(this.source[this.at]!)) {
        throw this.error('the end of the line or a part of the rule');
      }
      this.space(true);
    }
    if (!rules.has(rootRule)) {
      throw grammarError('no rule "root"', 'a rule "root" to begin with', 'Name the first rule root.');
    }
    return rules;
  }

  private alternatives(): Expr {
    if (++this.depth > mostDepth) throw this.error(`at most ${mostDepth} brackets within each other`);
    const options = [this.sequence()];
    while (this.nextOption()) {
      this.space(true);
      options.push(this.sequence());
    }
    this.depth--;
    return alt(...options);
  }

  /** Takes a `|`, which may stand on the next line. */
  private nextOption(): boolean {
    const before = this.at;
    this.space(true);
    if (this.take('|')) return true;
    if (this.depth <= 1) this.at = before;
    return false;
  }

  private sequence(): Expr {
    const parts: Expr[] = [];
    for (;;) {
      const part = this.element();
      if (part === null) return seq(...parts);
      parts.push(this.repeated(part));
      this.space(this.depth > 1);
    }
  }

  private element(): Expr | null {
    this.budget.spend(8);
    if (this.take('"')) return this.literal();
    if (this.take('[')) return this.set();
    if (this.take('.')) return chars(anyCodePoint);
    if (this.take('(')) {
      this.space(true);
      const inner = this.alternatives();
      this.space(true);
      if (!this.take(')')) throw this.error('")"');
      return inner;
    }
    const before = this.at;
    const name = this.name();
    if (name === null) return null;
    const after = this.at;
    this.space(false);
    if (this.source.startsWith('::=', this.at)) {
      this.at = before;
      return null;
    }
    this.at = after;
    return rule(name);
  }

  private repeated(part: Expr): Expr {
    let result = part;
    for (;;) {
      if (this.take('*')) result = repeat(result, 0, Number.POSITIVE_INFINITY);
      else if (this.take('+')) result = repeat(result, 1, Number.POSITIVE_INFINITY);
      else if (this.take('?')) result = repeat(result, 0, 1);
      else if (this.take('{')) result = this.counted(result);
      else return result;
    }
  }

  private counted(part: Expr): Expr {
    this.space(false);
    const least = this.count() ?? 0;
    this.space(false);
    let most: number = least;
    if (this.take(',')) {
      this.space(false);
      most = this.count() ?? Number.POSITIVE_INFINITY;
      this.space(false);
    }
    if (!this.take('}')) throw this.error('counts like {2}, {2,} or {2,5}');
    if (most < least) throw this.error('a second count that is not below the first');
    return repeat(part, least, most);
  }

  private count(): number | null {
    const digits = /^[0-9]{1,9}/.exec(this.source.slice(this.at, this.at + 9))?.[0];
    if (digits === undefined) return null;
    this.at += digits.length;
    if (Number(digits) > mostCount) throw this.error(`counts up to ${mostCount}`);
    return Number(digits);
  }

  private literal(): Expr {
    let value = '';
    while (!this.take('"')) value += String.fromCodePoint(this.character('"'));
    return text(value);
  }

  private set(): Expr {
    const isNegated = this.take('^');
    const pairs: [number, number][] = [];
    while (!this.take(']')) {
      const from = this.character(']');
      const isRange = this.source[this.at] === '-' && this.source[this.at + 1] !== ']';
      if (isRange) this.at++;
      const to = isRange ? this.character(']') : from;
      if (to < from) throw this.error('a range from the lower to the higher character');
      pairs.push([from, to]);
    }
    const set = codePoints(pairs);
    return chars(isNegated ? complement(set) : set);
  }

  /** A code point, maybe escaped; `close` is what should have come in time. */
  private character(close: string): number {
    this.budget.spend(2);
    const codePoint = this.source.codePointAt(this.at);
    if (codePoint === undefined) throw this.error(`"${close}"`);
    this.at += codePoint > 0xffff ? 2 : 1;
    if (codePoint !== 0x5c) return codePoint;
    const letter = this.source[this.at] ?? '';
    this.at++;
    const simple = { n: 10, r: 13, t: 9, '"': 0x22, '\\': 0x5c, '[': 0x5b, ']': 0x5d, '-': 0x2d, '^': 0x5e };
    const known = Object.entries(simple).find(([name]) => name === letter)?.[1];
    if (known !== undefined) return known;
    const length = { x: 2, u: 4, U: 8 }[letter];
    const digits = this.source.slice(this.at, this.at + (length ?? 0));
    const value = /^[0-9a-fA-F]+$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
    if (length === undefined || digits.length !== length || !(value <= 0x10ffff)) {
      throw this.error('an escape like \\n, \\", \\\\, \\x41, \\u0041 or \\U00000041');
    }
    this.at += length;
    return value;
  }

  private name(): string | null {
    const pattern = /[A-Za-z0-9_-]+/y;
    pattern.lastIndex = this.at;
    const name = pattern.exec(this.source)?.[0] ?? null;
    if (name !== null) this.at += name.length;
    return name;
  }

  private space(lines: boolean): void {
    const pattern = lines ? /(?:[ \t\r\n]|#[^\r\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y;
    pattern.lastIndex = this.at;
    this.at += pattern.exec(this.source)?.[0].length ?? 0;
  }

  private take(token: string): boolean {
    if (!this.source.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  private error(expected: string): ReturnType<typeof grammarError> {
    const line = this.source.slice(0, this.at).split('\n').length;
    const rest = this.source.slice(this.at, this.at + 20).split('\n')[0] ?? '';
    const given = rest === '' ? `the end of line ${line}` : `${JSON.stringify(rest)} in line ${line}`;
    return grammarError(given, expected, 'Correct the EBNF.');
  }
}
