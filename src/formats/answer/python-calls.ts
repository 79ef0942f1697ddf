/** Calls written as Python: `f(a="b", c=[1, None])`. */
import { objectText, type ReadCall } from './call.js';
import { type Cursor, Unfinished } from './cursor.js';

const name = /[A-Za-z_][\w.-]*/y;
const number = /-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const word = /True|False|None|true|false|null/y;
const words: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };
const string = /'''([\s\S]*?)'''|"""([\s\S]*?)"""|'((?:[^'\\]|\\[\s\S])*)'|"((?:[^"\\]|\\[\s\S])*)"/y;
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' };

/** Calls with commas between them, in brackets or not; null where what stands here is something else. */
export function pythonCalls(cursor: Cursor): readonly ReadCall[] | null {
  const inBrackets = cursor.eat('[');
  const calls: ReadCall[] = [];
  do {
    const call = pythonCall(cursor.skipSpace());
    if (call === null) return null;
    calls.push(call);
  } while (cursor.eatSpaced(inBrackets ? ',' : ';'));
  if (!inBrackets || cursor.eatSpaced(']')) return calls;
  if (cursor.skipSpace().isEnd) throw new Unfinished();
  return null;
}

function pythonCall(cursor: Cursor): ReadCall | null {
  const called = cursor.match(name)?.[0];
  if (called === undefined) return null;
  if (cursor.isEnd) throw new Unfinished();
  if (!cursor.eat('(')) return null;
  const members: [string, string][] = [];
  while (!cursor.skipSpace().eat(')')) {
    if (cursor.isEnd) throw new Unfinished();
    if (members.length > 0 && !cursor.eat(',')) return null;
    if (cursor.skipSpace().eat(')')) break;
    const key = cursor.match(name)?.[0];
    if (cursor.skipSpace().isEnd) throw new Unfinished();
    if (key === undefined || !cursor.eat('=')) return null;
    const value = literal(cursor.skipSpace());
    if (value === null) return null;
    members.push([key, value]);
  }
  return { name: called, arguments: objectText(members) };
}

/** A Python or JSON literal as JSON; null where there is none. */
function literal(cursor: Cursor): string | null {
  if (cursor.isEnd) throw new Unfinished();
  const text = cursor.match(string);
  if (text !== null) return JSON.stringify(unescaped(text[1] ?? text[2] ?? text[3] ?? text[4] ?? ''));
  const char = cursor.text[cursor.at]!;
  if (char === '"' || char === "'") throw new Unfinished();
  const known = cursor.match(word)?.[0] ?? cursor.match(number)?.[0];
  if (known !== undefined) return words[known] ?? known;
  if (cursor.eat('[')) return listed(cursor, ']', () => literal(cursor), '[');
  if (!cursor.eat('{')) return null;
  return listed(
    cursor,
    '}',
    () => {
      const key = literal(cursor);
      if (key === null || !cursor.eatSpaced(':')) return null;
      const value = literal(cursor.skipSpace());
      return value === null ? null : `${key}: ${value}`;
    },
    '{',
  );
}

function listed(cursor: Cursor, close: string, read: () => string | null, open: string): string | null {
  const items: string[] = [];
  while (!cursor.skipSpace().eat(close)) {
    if (cursor.isEnd) throw new Unfinished();
    if (items.length > 0 && !cursor.eat(',')) return null;
    if (cursor.skipSpace().eat(close)) break;
    const item = read();
    if (item === null) return null;
    items.push(item);
  }
  return `${open}${items.join(', ')}${close}`;
}

function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g,
    (_, u?: string, x?: string, char?: string) => {
      const hex = u ?? x;
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      return escapes[char!] ?? (char === '\n' ? '' : char!);
    },
  );
}
