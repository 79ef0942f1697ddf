/** Two JSON schemas that must both hold as one, and whether two can hold together. */
import type { Budget } from '../../core/budget.js';
import { OptionError } from '../../core/errors.js';

/** Anything until it is looked at. */
export type Schema = unknown;
export type SchemaObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function schemaError(path: string, given: unknown, expected: string): OptionError {
  return new OptionError({
    what: `JSON schema at ${path}`,
    given: typeof given === 'string' ? given : `${JSON.stringify(given)}`,
    expected,
    todo: 'Change the schema there.',
  });
}

/** Keywords that say nothing about which values are valid. */
export const annotations: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'discriminator',
  '$comment',
  '$schema',
  '$id',
  '$defs',
  'definitions',
]);

/** The schema of the values that both allow. Throws OptionError where two keywords cannot become one. */
export function mergeSchemas(a: Schema, b: Schema, path: string, budget: Budget): Schema {
  budget.spend(8);
  if (a === true || a === false) return a ? b : false;
  if (b === true || b === false) return b ? a : false;
  if (!isObject(a) || !isObject(b)) throw schemaError(path, isObject(a) ? b : a, 'an object, true or false');
  for (const keyword of ['unevaluatedProperties', 'unevaluatedItems']) {
    if (a[keyword] !== undefined || b[keyword] !== undefined)
      throw schemaError(path, `"${keyword}" beside other schemas`, '"additionalProperties" or "items"');
  }
  const [left, right] = [named(a, b), named(b, a)];
  const merged: Record<string, unknown> = { ...left };
  for (const [keyword, value] of Object.entries(right)) {
    const other = merged[keyword];
    const isSame = other === undefined || annotations.has(keyword) || isEqual(other, value, budget);
    merged[keyword] = isSame ? value : both(keyword, other, value, path, budget);
  }
  return merged;
}

/** Same text as JSON. */
function isEqual(a: unknown, b: unknown, budget: Budget): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  budget.spend((left.length + right.length) >> 2);
  return left === right;
}

/** What `closed` says of all other properties is said of those that only `open` names. */
function named(closed: SchemaObject, open: SchemaObject): SchemaObject {
  const extra = closed.additionalProperties ?? true;
  if (extra === true || !isObject(open.properties)) return closed;
  const known = isObject(closed.properties) ? closed.properties : {};
  const others = Object.keys(open.properties).filter((name) => !Object.hasOwn(known, name));
  if (others.length === 0) return closed;
  return { ...closed, properties: { ...known, ...Object.fromEntries(others.map((name) => [name, extra])) } };
}

function both(keyword: string, a: unknown, b: unknown, path: string, budget: Budget): unknown {
  switch (keyword) {
    case 'properties': {
      if (!isObject(a) || !isObject(b)) break;
      const names = new Set([...Object.keys(a), ...Object.keys(b)]);
      return Object.fromEntries(
        [...names].map((name) => [name, mergeSchemas(own(a, name), own(b, name), `${path}/${name}`, budget)]),
      );
    }
    case 'items':
    case 'additionalProperties':
      return mergeSchemas(a, b, `${path}/${keyword}`, budget);
    case 'required':
      if (Array.isArray(a) && Array.isArray(b)) return [...new Set<unknown>([...a, ...b])];
      break;
    case 'type':
      return commonTypes(a, b);
    case 'enum':
      if (Array.isArray(a) && Array.isArray(b)) {
        const wanted = new Set(b.map((value) => JSON.stringify(value)));
        return a.filter((value) => wanted.has(JSON.stringify(value)));
      }
      break;
    case 'minimum':
    case 'exclusiveMinimum':
    case 'minLength':
    case 'minItems':
      if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b);
      break;
    case 'maximum':
    case 'exclusiveMaximum':
    case 'maxLength':
    case 'maxItems':
      if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
      break;
  }
  throw schemaError(path, `"${keyword}" twice with different values`, 'one of them');
}

function commonTypes(a: unknown, b: unknown): readonly unknown[] {
  const [left, right] = [typeNames(a), typeNames(b)];
  const covers = (names: readonly unknown[], name: unknown): boolean =>
    names.includes(name) || (name === 'integer' && names.includes('number'));
  return [
    ...left.filter((name) => covers(right, name)),
    ...right.filter((name) => covers(left, name) && !left.includes(name)),
  ];
}

function typeNames(type: unknown): readonly unknown[] {
  return Array.isArray(type) ? type : [type];
}

/** True where no value can be valid for both. */
export function areDisjoint(a: Schema, b: Schema, budget: Budget): boolean {
  budget.spend(8);
  if (a === false || b === false) return true;
  if (!isObject(a) || !isObject(b)) return false;
  const [left, right] = [constantsOf(a), constantsOf(b)];
  if (left !== null && right !== null) {
    budget.spend(left.size + right.size);
    return ![...left].some((value) => right.has(value));
  }
  if (a.type === undefined || b.type === undefined) return false;
  if (commonTypes(a.type, b.type).length === 0) return true;
  if (a.type !== 'object' || b.type !== 'object') return false;
  const [{ properties: mine, required: needed }, { properties: theirs, required: alsoNeeded }] = [a, b];
  if (!isObject(mine) || !isObject(theirs) || !Array.isArray(needed) || !Array.isArray(alsoNeeded))
    return false;
  budget.spend(needed.length + alsoNeeded.length);
  const both = new Set<unknown>(alsoNeeded);
  return needed.some(
    (name: unknown) =>
      typeof name === 'string' && both.has(name) && areDisjoint(own(mine, name), own(theirs, name), budget),
  );
}

/** A constant, whose type says what it has anyway. */
function isPlain({ type, const: value }: SchemaObject): boolean {
  return value !== undefined && (type === undefined || type === typeof value);
}

/** The JSON texts of the values that a schema lists. */
export function constantsOf(schema: Schema): ReadonlySet<string> | null {
  if (!isObject(schema)) return null;
  if ('const' in schema) return new Set([JSON.stringify(schema.const)]);
  if (Array.isArray(schema.enum)) return new Set(schema.enum.map((value) => JSON.stringify(value)));
  const binding = Object.keys(schema).filter((keyword) => !annotations.has(keyword));
  if (!Array.isArray(schema.anyOf) || binding.length > 1) return null;
  const listed = schema.anyOf.map((one: unknown) =>
    isObject(one) && isPlain(one) ? constantsOf(one) : null,
  );
  return listed.includes(null) ? null : new Set(listed.flatMap((values) => [...values!]));
}

/** The schema of a property; names like "constructor" are everywhere but not its own. */
function own(properties: SchemaObject, name: string): Schema {
  return Object.hasOwn(properties, name) ? properties[name] : true;
}
