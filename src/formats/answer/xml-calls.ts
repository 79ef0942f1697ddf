/** Calls as MiniMax M3 writes them: elements within elements, with a token in front of every tag. */
import { argumentText, type CallableTool, isObject, objectText, type ReadCall } from './call.js';
import { type Cursor, Unfinished } from './cursor.js';

const mark = ']<]minimax[>[';
const end = `${mark}</invoke>`;

/** The call whose name follows; null where there is none. */
export function xmlCall(cursor: Cursor, tools: readonly CallableTool[]): readonly ReadCall[] | null {
  const name = cursor.until('">');
  const schema = tools.find((tool) => tool.name === name)?.parameters;
  const members: [string, string][] = [];
  while (!cursor.skipSpace().eat(end)) {
    const member = element(cursor, schema);
    if (member === null) return null;
    members.push(member);
  }
  return [{ name, arguments: objectText(members) }];
}

/** The name of the element that begins here, and what is in it as JSON; null where none begins. */
function element(cursor: Cursor, parent: unknown): [string, string] | null {
  if (!cursor.eat(`${mark}<`)) {
    if (cursor.isEnd) throw new Unfinished();
    return null;
  }
  const name = cursor.until('>');
  const schema = schemaOf(parent, name);
  const close = `${mark}</${name}>`;
  const text = cursor.text.slice(cursor.at).split(mark, 1)[0]!;
  const isNested = text.trim() === '' && cursor.text.startsWith(`${mark}<`, cursor.at + text.length);
  if (!isNested || cursor.text.startsWith(close, cursor.at + text.length))
    return [name, argumentText(cursor.until(close), schema)];
  const members: [string, string][] = [];
  while (!cursor.skipSpace().eat(close)) {
    const member = element(cursor, schema);
    if (member === null) return null;
    members.push(member);
  }
  const isList = members.every(([key]) => key === 'item');
  return [name, isList ? `[${members.map(([, value]) => value).join(', ')}]` : objectText(members)];
}

/** What a schema says of a member or, by the name `item`, of what is in a list. */
function schemaOf(schema: unknown, name: string): unknown {
  if (!isObject(schema)) return undefined;
  const own = isObject(schema.properties) ? schema.properties[name] : undefined;
  if (own !== undefined) return own;
  if (name === 'item' && schema.items !== undefined) return schema.items;
  const ways = [schema.anyOf, schema.oneOf, schema.allOf].find((way) => Array.isArray(way));
  return ways?.map((way: unknown) => schemaOf(way, name)).find((found) => found !== undefined);
}
