/** ECMAScript regular expressions without what no regular language has: look-around, back-references, `\b`. */
import type { Budget } from '../../core/budget.js';
import { messageOf } from '../../core/errors.js';
import {
  alt,
  anyCodePoint,
  type CodePoints,
  chars,
  codePoints,
  codePointsOf,
  complement,
  type Expr,
  empty,
  type Rules,
  repeat,
  rootRule,
  seq,
  text,
  union,
} from './expr.js';
import { grammarError } from './limits.js';

const mostDepth = 200;
/** Steps that the code points of a Unicode property take to find. */
const propertySteps = 200_000;
const unbounded = Number.POSITIVE_INFINITY;

const digits = codePointsOf('0123456789');
const words = codePoints([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
const lineEnds = codePointsOf('\n\r\u2028\u2029');
const spaces = union(
  lineEnds,
  codePointsOf('\t\v\f \u00a0\u1680\u202f\u205f\u3000\ufeff'),
  codePoints([[0x2000, 0x200a]]),
);
const classes: ReadonlyMap<string, CodePoints> = new Map([
  ['d', digits],
  ['D', complement(digits)],
  ['w', words],
  ['W', complement(words)],
  ['s', spaces],
  ['S', complement(spaces)],
]);
const controls: ReadonlyMap<string, number> = new Map([
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['f', 12],
  ['v', 11],
  ['0', 0],
]);

/** The texts that match as a whole, whether the pattern has ^ and $ or not. Throws OptionError. */
export function parseRegex(pattern: string, budget: Budget): Rules {
  return new Map([[rootRule, alt(...parsePattern(pattern, budget).map(({ expr }) => expr))]]);
}

/** The texts in which the pattern is found somewhere, as in JSON Schema. Throws OptionError. */
export function searchRegex(pattern: string, budget: Budget): Expr {
  const anything = repeat(chars(anyCodePoint), 0, unbounded);
  return alt(
    ...parsePattern(pattern, budget).map(({ expr, fromStart, toEnd }) =>
      seq(fromStart ? empty : anything, expr, toEnd ? empty : anything),
    ),
  );
}

interface Alternative {
  readonly expr: Expr;
  /** It begins with ^. */
  readonly fromStart: boolean;
  readonly toEnd: boolean;
}

function parsePattern(pattern: string, budget: Budget): readonly Alternative[] {
  budget.spend(pattern.length);
  // The engine looks up each property anew, so they are tried once each.
  const properties = new Set<string>();
  const plain = pattern.replace(/\\(?:[pP]\{[^}]*\}|.)/gs, (escaped) => {
    if (!/^\\[pP]\{/.test(escaped)) return escaped;
    properties.add(escaped);
    return '\\d';
  });
  budget.spend(properties.size * propertySteps);
  let isUnicode = true;
  try {
    new RegExp(plain, 'u');
    for (const property of properties) new RegExp(property, 'u');
  } catch {
    isUnicode = false;
  }
  try {
    if (!isUnicode) new RegExp(pattern);
  } catch (thrown) {
    throw grammarError(messageOf(thrown), 'an ECMAScript regular expression', 'Correct the pattern.');
  }
  return new RegexParser(pattern, budget).parse();
}

/** Reads a pattern that the engine has found well-formed. */
class RegexParser {
  private readonly source: string;
  private readonly budget: Budget;
  /** Classes by how they are written: the same one is the same expression, which then is compiled once. */
  private readonly known = new Map<string, Expr>();
  private at = 0;
  private depth = 0;

  constructor(source: string, budget: Budget) {
    this.source = source;
    this.budget = budget;
  }

  parse(): readonly Alternative[] {
    const alternatives: Alternative[] = [];
    do {
      const fromStart = this.take('^');
      const expr = this.sequence();
      const toEnd = this.take('$');
      alternatives.push({ expr, fromStart, toEnd });
    } while (this.take('|'));
    if (this.at < this.source.length) throw this.unsupported('^ or $ inside the pattern');
    return alternatives;
  }

  private sequence(): Expr {
    const parts: Expr[] = [];
    for (;;) {
      const part = this.atom();
      if (part === null) return seq(...parts);
      const item = this.repeated(part);
      const last = parts.at(-1);
      // Letters in a row are one text, so that texts that begin alike can be read one way.
      if (item.kind === 'text' && last?.kind === 'text')
        parts[parts.length - 1] = text(last.text + item.text);
      else parts.push(item);
    }
  }

  private atom(): Expr | null {
    const char = this.source[this.at];
    if (char === undefined || char === '|' || char === ')' || char === '$' || char === '^') return null;
    this.budget.spend(2);
    const start = this.at;
    if (this.take('.')) return this.chars(start, () => complement(lineEnds));
    if (this.take('(')) return this.group();
    if (this.take('[')) return this.set(start);
    if (this.take('\\')) {
      const escaped = this.escape(false);
      if (typeof escaped === 'number') return text(String.fromCodePoint(escaped));
      return this.chars(start, () => escaped);
    }
    return text(String.fromCodePoint(this.codePoint()));
  }

  private group(): Expr {
    if (this.take('?')) {
      const name = /^<[^=!>][^>]*>/.exec(this.source.slice(this.at))?.[0];
      if (name !== undefined) this.at += name.length;
      else if (!this.take(':')) throw this.unsupported('look-around and flags in groups');
    }
    if (++this.depth > mostDepth) throw this.unsupported(`more than ${mostDepth} groups within each other`);
    const options: Expr[] = [];
    do options.push(this.sequence());
    while (this.take('|'));
    if (!this.take(')')) throw this.unsupported('^ or $ inside a group');
    this.depth--;
    return alt(...options);
  }

  private repeated(part: Expr): Expr {
    const counts = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/.exec(this.source.slice(this.at, this.at + 40));
    if (counts === null) return part;
    this.at += counts[0].length;
    const [, sign, first, comma, second] = counts;
    const least = sign === undefined ? Number(first) : sign === '+' ? 1 : 0;
    if (sign !== undefined) return repeat(part, least, sign === '?' ? 1 : unbounded);
    return repeat(part, least, comma === undefined ? least : second ? Number(second) : unbounded);
  }

  /** The class that is written from `start` to here. */
  private chars(start: number, make: () => CodePoints): Expr {
    const written = this.source.slice(start, this.at);
    let expr = this.known.get(written);
    if (expr === undefined) {
      expr = chars(make());
      this.known.set(written, expr);
    }
    return expr;
  }

  private set(start: number): Expr {
    const isNegated = this.take('^');
    const sets: CodePoints[] = [];
    while (!this.take(']')) {
      this.budget.spend(4);
      const from = this.member();
      const dashed = this.source[this.at] === '-' && this.source[this.at + 1] !== ']';
      if (!dashed) {
        sets.push(typeof from === 'number' ? codePoints([[from, from]]) : from);
        continue;
      }
      this.at++;
      const to = this.member();
      if (typeof from === 'number' && typeof to === 'number') sets.push(codePoints([[from, to]]));
      else {
        // A class beside a dash makes the dash a plain character.
        for (const side of [from, to, 0x2d]) {
          sets.push(typeof side === 'number' ? codePoints([[side, side]]) : side);
        }
      }
    }
    return this.chars(start, () => {
      this.budget.spend(4 * sets.reduce((sum, { length }) => sum + length, 0));
      return isNegated ? complement(union(...sets)) : union(...sets);
    });
  }

  private member(): number | CodePoints {
    return this.take('\\') ? this.escape(true) : this.codePoint();
  }

  /** What follows a backslash: a character or a class. */
  private escape(inSet: boolean): number | CodePoints {
    const char = String.fromCodePoint(this.codePoint());
    const known = classes.get(char) ?? controls.get(char);
    if (known !== undefined && !(char === '0' && /^[0-9]/.test(this.source.slice(this.at)))) return known;
    if (inSet && char === 'b') return 8;
    if (char === 'p' || char === 'P') return this.property(char === 'P');
    const hex = { x: /^[0-9a-fA-F]{2}/, u: /^(?:[0-9a-fA-F]{4}|\{[0-9a-fA-F]+\})/ }[char];
    const code = hex?.exec(this.source.slice(this.at, this.at + 12))?.[0];
    if (code !== undefined) {
      this.at += code.length;
      const unit = Number.parseInt(code.replace(/[{}]/g, ''), 16);
      const low = /^\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(this.source.slice(this.at, this.at + 6))?.[1];
      if (unit < 0xd800 || unit > 0xdbff || low === undefined) return unit;
      this.at += 6;
      return 0x10000 + ((unit - 0xd800) << 10) + (Number.parseInt(low, 16) - 0xdc00);
    }
    if (char === 'c' && /^[a-zA-Z]/.test(this.source.slice(this.at))) return this.codePoint() & 31;
    if (/[a-zA-Z0-9]/.test(char)) throw this.unsupported(`\\${char}`);
    return char.codePointAt(0)!;
  }

  private property(isNegated: boolean): CodePoints {
    const name = /^\{[^}]+\}/.exec(this.source.slice(this.at))?.[0];
    if (name === undefined) throw this.unsupported('\\p without a property');
    this.at += name.length;
    const set = propertySet(name);
    if (!isNegated) return set;
    this.budget.spend(2 * set.length);
    return complement(set);
  }

  private codePoint(): number {
    const codePoint = this.source.codePointAt(this.at)!;
    this.at += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  private take(token: string): boolean {
    if (!this.source.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  private unsupported(what: string): ReturnType<typeof grammarError> {
    return grammarError(
      `${what} at position ${this.at} of the pattern ${JSON.stringify(this.source.slice(0, 60))}`,
      'what a regular language has',
      'Write the pattern without it.',
    );
  }
}

const properties = new Map<string, CodePoints>();

/** The code points of a Unicode property, as this JavaScript engine knows it. */
function propertySet(name: string): CodePoints {
  let set = properties.get(name);
  if (set === undefined) {
    const pattern = new RegExp(`\\p${name}`, 'u');
    const pairs: [number, number][] = [];
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      if (!pattern.test(String.fromCodePoint(codePoint))) continue;
      const last = pairs.at(-1);
      if (last !== undefined && last[1] === codePoint - 1) last[1] = codePoint;
      else pairs.push([codePoint, codePoint]);
    }
    set = codePoints(pairs);
    properties.set(name, set);
  }
  return set;
}
