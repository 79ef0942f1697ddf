/** Calls as Gemma 4 writes them: `call:f{a:<|"|>text<|"|>,b:[1,true]}`, JSON with bare keys and a token for quotes. */
import type { ReadCall } from './call.js';
import { type Cursor, Unfinished } from './cursor.js';

const quote = '<|"|>';
const plain = /(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?=[,}\]])/y;

/** Null where what stands here is no call. */
export function gemmaCall(cursor: Cursor): readonly ReadCall[] | null {
  const match = cursor.match(/\s*call:([\w.:-]+)\s*(?=\{)/y);
  if (match === null) {
    if (/^\s*(?:c|ca|cal|call|call:[\w.:-]*\s*)?$/.test(cursor.rest)) throw new Unfinished();
    return null;
  }
  const args = value(cursor);
  return args === null ? null : [{ name: match[1]!, arguments: args }];
}

/** The value that stands here as JSON; null where there is none. */
function value(cursor: Cursor): string | null {
  cursor.skipSpace();
  if (cursor.isEnd) throw new Unfinished();
  if (cursor.eat(quote)) return JSON.stringify(cursor.until(quote));
  if (cursor.eat('[')) return members(cursor, ']', () => value(cursor));
  if (cursor.eat('{')) return members(cursor, '}', () => member(cursor));
  const found = cursor.match(plain)?.[0];
  if (found !== undefined) return found;
  if (/^[\w.+-]*$/.test(cursor.rest)) throw new Unfinished();
  // A text that lost its quotes.
  const bare = cursor.match(/[^,{}[\]<]+(?=[,}\]])/y)?.[0];
  if (bare === undefined && !/[,{}[\]<]/.test(cursor.rest)) throw new Unfinished();
  return bare === undefined ? null : JSON.stringify(bare.trim());
}

function member(cursor: Cursor): string | null {
  const key = cursor.eat(quote) ? cursor.until(quote) : cursor.match(/"?([^\s:,{}"]+)"?\s*(?=:)/y)?.[1];
  if (key === undefined && !/[:,{}]/.test(cursor.rest)) throw new Unfinished();
  if (key === undefined || !cursor.eatSpaced(':')) return null;
  const text = value(cursor);
  return text === null ? null : `${JSON.stringify(key)}: ${text}`;
}

function members(cursor: Cursor, close: string, read: () => string | null): string | null {
  const items: string[] = [];
  while (!cursor.skipSpace().eat(close)) {
    if (cursor.isEnd) throw new Unfinished();
    if (items.length > 0 && !cursor.eat(',')) return null;
    const item = read();
    if (item === null) return null;
    items.push(item);
  }
  return close === ']' ? `[${items.join(', ')}]` : `{${items.join(', ')}}`;
}
