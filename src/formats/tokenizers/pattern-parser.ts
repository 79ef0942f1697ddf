/**
 * Reads the regular expressions of tokenizer files, the part of Oniguruma's syntax that they use. JavaScript's own engine
 * will not do: it gives up on words of some million letters, has no bound on time, and lacks possessive loops.
 */
import { FormatError } from '../../core/errors.js';
import { CharClass, type CodePredicate, isWhiteSpace, unicodeProperty } from './char-class.js';

export type PatternNode =
  | { readonly kind: 'class'; readonly set: CharClass }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly body: PatternNode;
      readonly min: number;
      readonly max: number;
      readonly mode: RepeatMode;
    }
  | {
      readonly kind: 'look';
      readonly behind: boolean;
      readonly negative: boolean;
      readonly body: PatternNode;
    }
  | { readonly kind: 'atomic'; readonly body: PatternNode }
  | { readonly kind: 'edge'; readonly edge: Edge };

export type RepeatMode = 'greedy' | 'lazy' | 'possessive';
export type Edge = 'start' | 'end' | 'word' | 'notWord';

const isDigit = unicodeProperty('Nd')!;
export const isWordCode: CodePredicate = (() => {
  const properties = ['Alphabetic', 'M', 'Nd', 'Pc'].map((name) => unicodeProperty(name)!);
  return (code) => properties.some((has) => has(code));
})();
const isNewline: CodePredicate = (code) => code === 10;
const not =
  (test: CodePredicate): CodePredicate =>
  (code) =>
    !test(code);

/** Classes that one letter stands for, as `\s`. */
const letterClasses: Readonly<Record<string, CodePredicate>> = {
  s: isWhiteSpace,
  S: not(isWhiteSpace),
  d: isDigit,
  D: not(isDigit),
  w: isWordCode,
  W: not(isWordCode),
  N: not(isNewline),
};
const letterCodes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };
const edges: Readonly<Record<string, Edge>> = { b: 'word', B: 'notWord', A: 'start', z: 'end', Z: 'end' };
const posixClasses: Readonly<Record<string, string>> = { alpha: 'Alphabetic', digit: 'Nd', punct: 'P' };
const posixTests: Readonly<Record<string, CodePredicate>> = {
  space: isWhiteSpace,
  word: isWordCode,
  alnum: isWordCode,
};
/** Longest pattern that is read; those of real files have a few hundred characters. */
const maxLength = 20_000;
const maxDepth = 50;

class PatternParser {
  private readonly source: string;
  private readonly name: string;
  private at = 0;
  private ignoreCase: boolean;
  private depth = 0;

  constructor(source: string, name: string) {
    this.source = source;
    this.name = name;
    this.ignoreCase = false;
  }

  parse(): PatternNode {
    if (this.source.length > maxLength) throw this.error(`${this.source.length} characters`);
    const node = this.choice();
    if (this.at < this.source.length) throw this.error(`"${this.rest()}" with nothing that it closes`);
    return node;
  }

  private error(given: string): FormatError {
    return new FormatError({
      what: this.name,
      given: `${given} at character ${this.at} of ${JSON.stringify(this.source.slice(0, 200))}`,
      expected: 'a regular expression that can be read',
      todo: 'Take a GGUF file of this model, which names its pre-tokeniser instead.',
    });
  }

  private rest(): string {
    return this.source.slice(this.at, this.at + 20);
  }

  private take(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private next(): number {
    const code = this.source.codePointAt(this.at);
    if (code === undefined) throw this.error('its end');
    this.at += code > 0xffff ? 2 : 1;
    return code;
  }

  private choice(): PatternNode {
    if (++this.depth > maxDepth) throw this.error(`groups more than ${maxDepth} deep`);
    const options = [this.sequence()];
    while (this.take('|')) options.push(this.sequence());
    this.depth--;
    return options.length === 1 ? options[0]! : { kind: 'choice', options };
  }

  private sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.at < this.source.length && !'|)'.includes(this.source[this.at]!)) {
      const item = this.atom();
      if (item !== undefined) items.push(this.quantified(item));
    }
    return items.length === 1 ? items[0]! : { kind: 'sequence', items };
  }

  private quantified(body: PatternNode): PatternNode {
    let node = body;
    for (;;) {
      const range = this.range();
      if (range === undefined) return node;
      const mode: RepeatMode = this.take('?') ? 'lazy' : this.take('+') ? 'possessive' : 'greedy';
      node = { kind: 'repeat', body: node, ...range, mode };
    }
  }

  private range(): { min: number; max: number } | undefined {
    if (this.take('*')) return { min: 0, max: Infinity };
    if (this.take('+')) return { min: 1, max: Infinity };
    if (this.take('?')) return { min: 0, max: 1 };
    const counts = /^\{(\d*)(,?)(\d*)\}/.exec(this.source.slice(this.at, this.at + 20));
    if (counts === null || counts[0] === '{}' || counts[0] === '{,}') return undefined;
    this.at += counts[0].length;
    const [, low, comma, high] = counts;
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? Infinity : Number(high);
    if (max < min) throw this.error(`the counts ${counts[0]}`);
    return { min, max };
  }

  private atom(): PatternNode | undefined {
    if (this.take('(')) return this.group();
    if (this.take('[')) return { kind: 'class', set: new CharClass(this.set()) };
    if (this.take('.')) return { kind: 'class', set: new CharClass(not(isNewline)) };
    if (this.take('^')) return { kind: 'edge', edge: 'start' };
    if (this.take('$')) return { kind: 'edge', edge: 'end' };
    if ('*+?'.includes(this.source[this.at]!)) throw this.error(`"${this.rest()}" with nothing to repeat`);
    if (!this.take('\\')) return this.literal(this.next());
    const edge = edges[this.source[this.at] ?? ''];
    if (edge !== undefined) {
      this.at++;
      return { kind: 'edge', edge };
    }
    const escaped = this.escape();
    return typeof escaped === 'number'
      ? this.literal(escaped)
      : { kind: 'class', set: new CharClass(escaped) };
  }

  private literal(code: number): PatternNode {
    return { kind: 'class', set: new CharClass(this.folded((other) => other === code)) };
  }

  /** With `(?i)` on, a set has what it would have in the other case too. */
  private folded(test: CodePredicate): CodePredicate {
    if (!this.ignoreCase) return test;
    return (code) => {
      if (test(code)) return true;
      const text = String.fromCodePoint(code);
      return [text.toLowerCase(), text.toUpperCase()].some(
        (other) => other.length === text.length && test(other.codePointAt(0)!),
      );
    };
  }

  private group(): PatternNode | undefined {
    const outer = this.ignoreCase;
    let wrap = (body: PatternNode): PatternNode => body;
    if (this.take('?')) {
      if (this.take('=')) wrap = (body) => ({ kind: 'look', behind: false, negative: false, body });
      else if (this.take('!')) wrap = (body) => ({ kind: 'look', behind: false, negative: true, body });
      else if (this.take('<=')) wrap = (body) => ({ kind: 'look', behind: true, negative: false, body });
      else if (this.take('<!')) wrap = (body) => ({ kind: 'look', behind: true, negative: true, body });
      else if (this.take('>')) wrap = (body) => ({ kind: 'atomic', body });
      else if (this.take('i)')) {
        this.ignoreCase = true;
        return undefined;
      } else if (this.take('i:')) this.ignoreCase = true;
      else if (this.take('-i:')) this.ignoreCase = false;
      else if (!this.take(':') && !/^<\w+>/.test(this.rest())) throw this.error(`"(?${this.rest()}"`);
      else this.take(/^(?:<\w+>)?/.exec(this.source.slice(this.at))![0]);
    }
    const body = this.choice();
    if (!this.take(')')) throw this.error('a group without its end');
    this.ignoreCase = outer;
    return wrap(body);
  }

  /** What stands behind a backslash: a code point or a class. */
  private escape(): number | CodePredicate {
    const letter = String.fromCodePoint(this.next());
    if (letter === 'p' || letter === 'P') return this.property(letter === 'P');
    const named = letterClasses[letter];
    if (named !== undefined) return named;
    if (letter === 'x' || letter === 'u') {
      const form =
        letter === 'x'
          ? /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2}))/
          : /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))/;
      const digits = form.exec(this.source.slice(this.at, this.at + 10));
      const code = Number.parseInt(digits?.[1] ?? digits?.[2] ?? '', 16);
      if (digits === null || code > 0x10ffff) throw this.error(`"\\${letter}"`);
      this.at += digits[0].length;
      return code;
    }
    return letterCodes[letter] ?? letter.codePointAt(0)!;
  }

  private property(negative: boolean): CodePredicate {
    const name = /^(?:\{(\^?)([\w =]+)\}|()(\w))/.exec(this.source.slice(this.at, this.at + 60));
    const test = unicodeProperty(name?.[2] ?? name?.[4] ?? '');
    if (name === null || test === undefined) throw this.error(`the property "${this.rest()}"`);
    this.at += name[0].length;
    return negative !== (name[1] === '^') ? not(test) : test;
  }

  /** A class in brackets; the opening one is taken already. */
  private set(): CodePredicate {
    const negative = this.take('^');
    // Sets that have to hold together, each a list of which one has to.
    const all: CodePredicate[][] = [[this.setItem()]];
    while (!this.take(']')) {
      if (this.take('&&')) all.push([]);
      else all.at(-1)!.push(this.setItem());
    }
    const test = this.folded((code) => all.every((tests) => tests.some((has) => has(code))));
    return negative ? not(test) : test;
  }

  private setItem(): CodePredicate {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.source.slice(this.at, this.at + 20));
    if (posix !== null) {
      const name = posix[2]!;
      const test = posixTests[name] ?? unicodeProperty(posixClasses[name] ?? name);
      if (test === undefined) throw this.error(`the class "${posix[0]}"`);
      this.at += posix[0].length;
      return posix[1] === '^' ? not(test) : test;
    }
    if (this.take('[')) return this.set();
    const low = this.setEnd();
    if (typeof low !== 'number') return low;
    const dash = this.source[this.at] === '-' && this.source[this.at + 1] !== ']';
    if (!dash || this.source.startsWith('-[', this.at)) return (code) => code === low;
    this.at++;
    const high = this.setEnd();
    if (typeof high !== 'number' || high < low) throw this.error('a range that runs backwards');
    return (code) => code >= low && code <= high;
  }

  private setEnd(): number | CodePredicate {
    return this.take('\\') ? this.escape() : this.next();
  }
}

/** The tree of a pattern. Throws FormatError, with `name` in front, on one that is broken or beyond the syntax. */
export function parsePattern(source: string, name: string): PatternNode {
  return new PatternParser(source, name).parse();
}
