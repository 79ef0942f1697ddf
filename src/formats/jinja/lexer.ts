/** Cuts a template into tokens, with white space around blocks treated as `trim_blocks` and `lstrip_blocks` say. */
import { JinjaError } from './errors.js';

export type TokenKind =
  | 'data'
  | 'open'
  | 'close'
  | 'print'
  | 'endPrint'
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  | 'operator'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly line: number;
}

/** What Python takes for white space. */
export const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const spaces = new RegExp(`[${SPACE}]+`, 'uy');
const trailing = new RegExp(`[${SPACE}]+$`, 'u');
const onlySpaces = new RegExp(`^[${SPACE}]+$`, 'u');
const opening = /\{%|\{\{|\{#/g;
const raw = new RegExp(`\\{%[-+]?[${SPACE}]*raw[${SPACE}]*(-?)%\\}`, 'uy');
const endRaw = new RegExp(`\\{%([-+]?)[${SPACE}]*endraw[${SPACE}]*([-+]?)%\\}`, 'gu');
const endComment = /([-+]?)#\}/g;
const name = /[\p{XID_Start}_]\p{XID_Continue}*/uy;
const number =
  /(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*)(?![\d_]*[\d.eE])|(?:\d+_)*\d+(?:\.(?:\d+_)*\d+)?(?:[eE][-+]?(?:\d+_)*\d+)?|\d+/y;
const string = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y;
const literals = [
  [name, 'name'],
  [number, 'float'],
  [string, 'string'],
] as const;
const isWhole = /^0[xXoObB]|^[\d_]+$/;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;

export function tokenize(source: string): Token[] {
  return new Lexer(source.replace(/\r\n?/g, '\n').replace(/\n$/, '')).run();
}

class Lexer {
  private readonly source: string;
  private readonly tokens: Token[] = [];
  private at = 0;
  private line = 1;
  private counted = 0;

  constructor(source: string) {
    this.source = source;
  }

  run(): Token[] {
    const { source } = this;
    while (this.at < source.length) {
      opening.lastIndex = this.at;
      const match = opening.exec(source);
      if (match === null) {
        this.data(source.slice(this.at));
        this.at = source.length;
        break;
      }
      const mark = match[0];
      const sign = source[match.index + 2];
      const before = source.slice(this.at, match.index);
      this.data(this.stripped(before, sign, mark !== '{{'));
      this.at = match.index;
      if (mark === '{#') this.comment();
      else if (mark === '{%' && this.find(raw) !== null) this.raw();
      else this.code(mark, sign);
    }
    this.push('end', '');
    return this.tokens;
  }

  /** Text in front of a block. `-` takes all white space off; else blocks take off what stands before them on their line. */
  private stripped(text: string, sign: string | undefined, isBlock: boolean): string {
    if (sign === '-') return text.replace(trailing, '');
    if (!isBlock || sign === '+') return text;
    const start = text.lastIndexOf('\n') + 1;
    const startsLine = start > 0 || this.at === 0 || this.source[this.at - 1] === '\n';
    return startsLine && onlySpaces.test(text.slice(start)) ? text.slice(0, start) : text;
  }

  private find(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    return pattern.exec(this.source);
  }

  /** What the end of a block takes off behind it. */
  private trim(sign: string | undefined, isBlock: boolean): void {
    if (sign === '-') {
      this.at += this.find(spaces)?.[0].length ?? 0;
    } else if (isBlock && sign !== '+' && this.source[this.at] === '\n') {
      this.at++;
    }
  }

  private comment(): void {
    this.at += 2;
    const end = this.find(endComment);
    if (end === null) throw this.error('Missing end of comment tag');
    this.at = end.index + end[0].length;
    this.trim(end[1], true);
  }

  private raw(): void {
    const start = this.find(raw)!;
    this.at += start[0].length;
    this.trim(start[1], false);
    const end = this.find(endRaw);
    if (end === null) throw this.error('Missing end of raw directive');
    this.data(this.stripped(this.source.slice(this.at, end.index), end[1], true));
    this.at = end.index + end[0].length;
    this.trim(end[2], true);
  }

  private code(mark: string, sign: string | undefined): void {
    const isBlock = mark === '{%';
    const close = isBlock ? '%}' : '}}';
    this.push(isBlock ? 'open' : 'print', mark);
    this.at += sign === '-' || (isBlock && sign === '+') ? 3 : 2;
    const brackets: string[] = [];
    for (;;) {
      this.at += this.find(spaces)?.[0].length ?? 0;
      if (this.at >= this.source.length) throw this.error(`unexpected end of template, expected '${close}'`);
      if (brackets.length === 0) {
        const char = this.source[this.at]!;
        const isSigned =
          (char === '-' || (isBlock && char === '+')) && this.source.startsWith(close, this.at + 1);
        if (isSigned || this.source.startsWith(close, this.at)) {
          this.push(isBlock ? 'close' : 'endPrint', close);
          this.at += isSigned ? 3 : 2;
          this.trim(isSigned ? char : undefined, isBlock);
          return;
        }
      }
      this.token(brackets);
    }
  }

  private token(brackets: string[]): void {
    for (const [pattern, kind] of literals) {
      const text = this.find(pattern)?.[0];
      if (text === undefined) continue;
      this.take(kind === 'float' && isWhole.test(text) ? 'integer' : kind, text);
      return;
    }
    const sign = this.find(operator)?.[0];
    if (sign === undefined) throw this.error(`unexpected char ${JSON.stringify(this.source[this.at])}`);
    if (sign === '(' || sign === '[' || sign === '{') brackets.push(sign);
    else if (sign === ')' || sign === ']' || sign === '}') {
      const open = brackets.pop();
      if (open === undefined) throw this.error(`unexpected '${sign}'`);
      if (open + sign !== '()' && open + sign !== '[]' && open + sign !== '{}')
        throw this.error(`unexpected '${sign}', expected the end of '${open}'`);
    }
    this.take('operator', sign);
  }

  private take(kind: TokenKind, text: string): void {
    this.push(kind, text);
    this.at += text.length;
  }

  private data(text: string): void {
    if (text !== '') this.push('data', text);
  }

  private push(kind: TokenKind, text: string): void {
    for (; this.counted < this.at; this.counted++) if (this.source[this.counted] === '\n') this.line++;
    this.tokens.push({ kind, text, line: this.line });
  }

  private error(message: string): JinjaError {
    this.push('end', '');
    return new JinjaError('TemplateSyntaxError', `${message} (line ${this.line})`);
  }
}

/** The value of a string literal. */
export function unquoted(literal: string): string {
  const simple: Readonly<Record<string, string>> = {
    n: '\n',
    t: '\t',
    r: '\r',
    a: '\x07',
    b: '\b',
    f: '\f',
    v: '\v',
    '\\': '\\',
    "'": "'",
    '"': '"',
    '\n': '',
  };
  return literal
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
      (all, x?: string, u?: string, long?: string, octal?: string, char?: string) => {
        const hex = x ?? u ?? long;
        const code = hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16);
        if (char === undefined) {
          if (code > 0x10ffff) throw new JinjaError('TemplateSyntaxError', `no such character: ${all}`);
          return String.fromCodePoint(code);
        }
        if ('xuU'.includes(char)) throw new JinjaError('TemplateSyntaxError', `truncated escape ${all}`);
        return simple[char] ?? all;
      },
    );
}
