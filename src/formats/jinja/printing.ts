/** Values as Python prints them: `str()` and `repr()`. */
import type { Budget } from './budget.js';
import { codePointLength, isText, plain, type Text, TextBuilder } from './text.js';
import {
  Bytes,
  Callable,
  Dict,
  Float,
  Generator,
  isInteger,
  isList,
  Namespace,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.js';

/** `str(value)` */
export function toText(value: Value, budget: Budget): Text {
  if (isText(value)) return value;
  if (typeof value === 'number') return String(value);
  if (value instanceof Undefined) return '';
  const builder = new TextBuilder();
  addRepr(builder, value, budget);
  return builder.build();
}

/** `repr(value)` */
export function toRepr(value: Value, budget: Budget): Text {
  const builder = new TextBuilder();
  addRepr(builder, value, budget);
  return builder.build();
}

function addRepr(to: TextBuilder, value: Value, budget: Budget): void {
  budget.step();
  if (isText(value)) {
    const text = quoted(plain(value));
    budget.text(text.length);
    to.addPart(text, typeof value !== 'string');
  } else if (isList(value)) addItems(to, '[', value, ']', budget);
  else if (value instanceof Tuple)
    addItems(to, '(', value.items, value.items.length === 1 ? ',)' : ')', budget);
  else if (value instanceof Dict) addDict(to, value, budget);
  else if (value instanceof Namespace) {
    to.add('<Namespace ');
    addDict(to, new Dict(value.values), budget);
    to.add('>');
  } else if (value instanceof View) addView(to, value, budget);
  else {
    const text = simple(value);
    budget.text(text.length);
    to.add(text);
  }
}

function addItems(
  to: TextBuilder,
  open: string,
  items: readonly Value[],
  close: string,
  budget: Budget,
): void {
  budget.enter();
  to.add(open);
  for (const [i, item] of items.entries()) {
    if (i > 0) to.add(', ');
    addRepr(to, item, budget);
  }
  to.add(close);
  budget.leave();
}

function addDict(to: TextBuilder, dict: Dict, budget: Budget): void {
  budget.enter();
  to.add('{');
  let separator = '';
  for (const [key, value] of dict.entries()) {
    to.add(separator);
    addRepr(to, key, budget);
    to.add(': ');
    addRepr(to, value, budget);
    separator = ', ';
  }
  to.add('}');
  budget.leave();
}

function addView(to: TextBuilder, view: View, budget: Budget): void {
  if (view.arguments !== null) addItems(to, 'range(', view.arguments, ')', budget);
  else addItems(to, `${view.name}([`, view.items, '])', budget);
}

function simple(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (isInteger(value)) return String(value);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Bytes) return bytesText(value.bytes);
  if (value instanceof Callable) return `<function ${value.name}>`;
  if (value instanceof Generator) return '<generator object>';
  return `<${typeName(value)}>`;
}

/** A float with the fewest digits that give it again, in Python's form. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits, power] = value.toExponential().split('e') as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const text =
    exponent < 0
      ? value.toFixed(Math.max(1, digits.replace(/[-.]/g, '').length - 1 - exponent))
      : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

const unprintable = /[\p{C}\p{Z}\\]/gu;

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(unprintable, (char) => (char === ' ' ? char : escapedLetter(char)));
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}

function escapedLetter(char: string): string {
  if (char === '\n') return '\\n';
  if (char === '\r') return '\\r';
  if (char === '\t') return '\\t';
  if (char === '\\') return '\\\\';
  const code = char.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`;
}

function bytesText(bytes: Uint8Array): string {
  const letters = Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte);
    if (byte === 0x5c) return '\\\\';
    if (byte >= 0x20 && byte < 0x7f) return char;
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char];
    return short ?? `\\x${byte.toString(16).padStart(2, '0')}`;
  }).join('');
  const quote = letters.includes("'") && !letters.includes('"') ? '"' : "'";
  return `b${quote}${quote === "'" ? letters.replaceAll("'", "\\'") : letters}${quote}`;
}

/** How many of the characters missing Python's `center` puts in front. */
export function centeredBefore(missing: number, width: number): number {
  return (missing >> 1) + (missing & width & 1);
}

/** Fills a text up with spaces or another character, at its sides. */
export function padded(text: Text, before: number, after: number, fill: Text = ' '): Text {
  const builder = new TextBuilder();
  for (let i = 0; i < before; i++) builder.add(fill);
  builder.add(text);
  for (let i = 0; i < after; i++) builder.add(fill);
  return builder.build();
}

export function widthOf(text: Text): number {
  return codePointLength(plain(text));
}
