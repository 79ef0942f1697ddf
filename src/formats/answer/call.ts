/** Calls of functions, as they are read from what a model wrote. */
import { Cursor } from './cursor.js';

export interface ReadCall {
  readonly name: string;
  /** A JSON text. */
  readonly arguments: string;
  readonly id?: string;
}

/** A function that may be called; `parameters` is a JSON schema. */
export interface CallableTool {
  readonly name: string;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The calls that a JSON text stands for, or null: an object or a list, in any of the keys that models use. */
export function callsOfJson(text: string, tools: readonly CallableTool[]): readonly ReadCall[] | null {
  const value = parsed(text);
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const calls = items.map((item) => callOf(item, text, items.length === 1, tools));
  return calls.length > 0 && calls.every((call) => call !== null) ? calls : null;
}

function callOf(
  value: unknown,
  text: string,
  isOnly: boolean,
  tools: readonly CallableTool[],
): ReadCall | null {
  if (!isObject(value)) return null;
  const inner = isObject(value.function) ? value.function : value;
  const name =
    inner.name ?? inner.tool_name ?? (typeof inner.function === 'string' ? inner.function : undefined);
  if (name === undefined) {
    const [[key, args] = ['', null], ...others] = Object.entries(value);
    const isNamed = others.length === 0 && isObject(args) && tools.some((tool) => tool.name === key);
    return isNamed ? { name: key, arguments: JSON.stringify(args) } : null;
  }
  if (typeof name !== 'string') return null;
  const given = inner.arguments ?? inner.parameters ?? inner.args ?? {};
  const args = typeof given === 'string' ? parsed(given) : given;
  if (!isObject(args)) return null;
  const raw = typeof given === 'string' ? given : isOnly ? rawMember(text) : null;
  const id = value.id ?? value.tool_call_id;
  return { name, arguments: raw ?? JSON.stringify(args), ...(typeof id === 'string' && { id }) };
}

/** The arguments as they were written, so that `1.0` and large whole numbers stay; null where they are not plain to see. */
function rawMember(text: string): string | null {
  const matches = [...text.matchAll(/"(?:arguments|parameters|args)"\s*:\s*(?=\{)/g)];
  if (matches.length !== 1) return null;
  return new Cursor(text, matches[0]!.index + matches[0]![0].length).json();
}

/** Arguments given one by one as text: by their schema a string, or JSON where they are that. */
export function argumentValue(
  text: string,
  name: string,
  tool: CallableTool | undefined,
  isString?: boolean,
): string {
  const properties = tool?.parameters?.properties;
  return argumentText(text, isObject(properties) ? properties[name] : undefined, isString);
}

/** A text as JSON: by its schema a string, or JSON where it is that. */
export function argumentText(text: string, schema?: unknown, isString?: boolean): string {
  const type = isObject(schema) ? schema.type : undefined;
  const types: readonly unknown[] = Array.isArray(type) ? type : type === undefined ? [] : [type];
  if (isString ?? (types.length > 0 && types.every((one) => one === 'string'))) return JSON.stringify(text);
  const trimmed = text.trim();
  const literal = { True: 'true', False: 'false', None: 'null' }[trimmed] ?? trimmed;
  return parsed(literal) === undefined ? JSON.stringify(text) : literal;
}

export function objectText(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(', ')}}`;
}
