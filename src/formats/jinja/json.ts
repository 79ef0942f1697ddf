/** JSON both ways, as Python's `json` has it: whole numbers of any size, floats that stay floats, keys in their order. */
import type { Budget } from './budget.js';
import { type JinjaError, typeError, valueError } from './errors.js';
import { floatText } from './printing.js';
import { isText, plain, said, type Text, TextBuilder } from './text.js';
import { Dict, Float, integer, isInteger, isList, isTrue, Tuple, typeName, type Value } from './values.js';

export interface JsonStyle {
  readonly ensureAscii: boolean;
  /** What a level is moved in by; null keeps all on one line. */
  readonly indent: string | null;
  readonly item: Text;
  readonly key: Text;
  readonly sortKeys: boolean;
}

export function toJson(value: Value, style: JsonStyle, budget: Budget): Text {
  const writer = new Writer(style, budget);
  writer.add(value, '\n');
  return writer.builder.build();
}

class Writer {
  readonly builder = new TextBuilder();
  private readonly style: JsonStyle;
  private readonly budget: Budget;

  constructor(style: JsonStyle, budget: Budget) {
    this.style = style;
    this.budget = budget;
  }

  add(value: Value, line: string): void {
    this.budget.step();
    if (isText(value)) this.string(value);
    else if (isList(value)) this.list(value, line);
    else if (value instanceof Tuple) this.list(value.items, line);
    else if (value instanceof Dict) this.dict(value, line);
    else this.builder.add(this.scalar(value));
  }

  private string(value: Text): void {
    const text = jsonString(plain(value), this.style.ensureAscii);
    this.budget.text(text.length);
    this.builder.addPart(text, typeof value !== 'string');
  }

  private scalar(value: Value): string {
    if (value === null) return 'null';
    if (typeof value === 'boolean') return String(value);
    if (isInteger(value)) return String(value);
    if (value instanceof Float) return jsonFloat(value.value);
    throw typeError(`Object of type ${typeName(value)} is not JSON serializable`);
  }

  private list(items: readonly Value[], line: string): void {
    this.inside('[', ']', items, line, (item, next) => this.add(item, next));
  }

  private dict(dict: Dict, line: string): void {
    const entries = [...dict.entries()];
    if (this.style.sortKeys) {
      for (const [key] of entries)
        if (!isText(key)) throw typeError('keys of more than one type cannot be sorted');
      entries.sort(([a], [b]) => compareCodePoints(plain(a as Text), plain(b as Text)));
    }
    this.inside('{', '}', entries, line, ([key, value], next) => {
      this.string(this.key(key));
      this.builder.add(this.style.key);
      this.add(value, next);
    });
  }

  private key(key: Value): Text {
    if (isText(key)) return key;
    if (key === null || typeof key === 'boolean' || isInteger(key) || key instanceof Float)
      return this.scalar(key);
    throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
  }

  private inside<T>(
    open: string,
    close: string,
    items: readonly T[],
    line: string,
    add: (item: T, line: string) => void,
  ): void {
    const { builder, style } = this;
    builder.add(open);
    if (items.length > 0) {
      this.budget.enter();
      const next = style.indent === null ? '' : line + style.indent;
      for (const [i, item] of items.entries()) {
        if (i > 0) builder.add(style.item);
        this.budget.text(next.length + 2);
        builder.add(next);
        add(item, next);
      }
      if (style.indent !== null) builder.add(line);
      this.budget.leave();
    }
    builder.add(close);
  }
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return floatText(value);
}

function jsonString(text: string, ensureAscii: boolean): string {
  const json = JSON.stringify(text);
  if (ensureAscii)
    return json.replace(/[\u007f-\uffff]/g, (char) => (char === '\x7f' ? char : unicodeEscape(char)));
  // Half a pair is escaped by JavaScript alone.
  return text.isWellFormed()
    ? json
    : json.replace(/\\u(d[89a-f]..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The order of Python's strings. */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    // A surrogate stands for something beyond all other units.
    if (x !== y) return order(x) - order(y);
  }
  return a.length - b.length;
}

function order(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

/** The filter `tojson` as transformers defines it. */
export function tojson(value: Value, options: readonly (Value | undefined)[], budget: Budget): Text {
  const [ensureAscii = false, indent = null, separators = null, sortKeys = false] = options;
  const pair = isList(separators) ? separators : separators instanceof Tuple ? separators.items : null;
  if (separators !== null && pair?.length !== 2) throw valueError('separators must be two strings');
  const [item = indent === null ? ', ' : ',', key = ': '] = pair ?? [];
  if (!isText(item) || !isText(key)) throw typeError('separators must be two strings');
  const style = {
    ensureAscii: isTrue(ensureAscii),
    indent: indentText(indent, budget),
    item,
    key,
    sortKeys: isTrue(sortKeys),
  };
  return toJson(value, style, budget);
}

function indentText(indent: Value, budget: Budget): string | null {
  if (indent === null) return null;
  if (isText(indent)) return plain(indent);
  const width = typeof indent === 'boolean' ? Number(indent) : indent;
  if (typeof width !== 'number') throw typeError(`indent must be a number, not ${typeName(indent)}`);
  budget.text(Math.max(0, width));
  return ' '.repeat(Math.max(0, width));
}

/** Deeper JSON is refused before the stack ends. */
const mostLevels = 200;

const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const string = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const space = /[ \t\n\r]*/y;
const words = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', new Float(Number.NaN)],
  ['Infinity', new Float(Infinity)],
  ['-Infinity', new Float(-Infinity)],
] as const;

/** A JSON text as values; its strings are the user's. Throws JinjaError (ValueError). */
export function readJson(text: string): Value {
  return new Reader(text).run();
}

class Reader {
  private readonly text: string;
  private at = 0;
  private level = 0;

  constructor(text: string) {
    this.text = text;
  }

  run(): Value {
    const value = this.value();
    this.skip();
    if (this.at < this.text.length) throw this.error();
    return value;
  }

  private take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  private skip(): void {
    this.take(space);
  }

  private value(): Value {
    this.skip();
    const char = this.text[this.at];
    if (char === '{') return this.nested(() => this.dict());
    if (char === '[') return this.nested(() => this.list());
    if (char === '"') return this.string();
    for (const [word, value] of words) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    const match = this.take(number);
    if (match === null) throw this.error();
    const [digits, fraction, exponent] = match;
    if (fraction !== undefined || exponent !== undefined) return new Float(Number(digits));
    if (digits.length > 4300) throw this.error();
    return digits.length < 16 ? Number(digits) : integer(BigInt(digits));
  }

  private nested(read: () => Value): Value {
    this.at++;
    if (++this.level > mostLevels) throw valueError(`JSON of more than ${mostLevels} levels`);
    const value = read();
    this.level--;
    return value;
  }

  private string(): Text {
    const match = this.take(string);
    if (match === null) throw this.error();
    const text = match[0].includes('\\') ? (JSON.parse(match[0]) as string) : match[0].slice(1, -1);
    return said(text);
  }

  private list(): Value {
    const items: Value[] = [];
    while (!this.ends(']', items.length)) items.push(this.value());
    return items;
  }

  private dict(): Value {
    const dict = new Dict();
    let count = 0;
    while (!this.ends('}', count++)) {
      this.skip();
      const key = this.string();
      this.skip();
      if (this.text[this.at++] !== ':') throw this.error();
      dict.set(key, this.value());
    }
    return dict;
  }

  private ends(close: string, count: number): boolean {
    this.skip();
    const char = this.text[this.at];
    if (char === close || (count > 0 && char === ',')) this.at++;
    else if (count > 0) throw this.error();
    return char === close;
  }

  private error(): JinjaError {
    return valueError(
      `no JSON at character ${this.at}: ${JSON.stringify(this.text.slice(this.at, this.at + 20))}`,
    );
  }
}
