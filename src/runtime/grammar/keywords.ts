/** What single keywords of a JSON schema say: which types they speak of, their numbers, and which cannot be kept. */
import { isObject, type SchemaObject, schemaError } from './merge.js';
import type { Bound } from './number.js';

/** Keywords that bind and cannot be kept here. */
const unsupported = [
  'not',
  'if',
  'then',
  'else',
  'dependencies',
  'dependentRequired',
  'dependentSchemas',
  'patternProperties',
  'contains',
  'minContains',
  'maxContains',
  '$dynamicRef',
  '$recursiveRef',
];

/** Keywords that speak of one type, for schemas that do not name it. */
const keywordsOf = {
  object: [
    'properties',
    'required',
    'additionalProperties',
    'unevaluatedProperties',
    'propertyNames',
    'patternProperties',
    'minProperties',
    'maxProperties',
  ],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'unevaluatedItems', 'uniqueItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
} as const;
const typeKeywords: readonly string[] = Object.values(keywordsOf).flat();
export const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
export type Type = (typeof types)[number];
const bindingKeywords: readonly string[] = ['type', 'const', 'enum', 'allOf', 'anyOf', 'oneOf'];

export function isTypeKeyword(keyword: string): boolean {
  return typeKeywords.includes(keyword);
}

/** Whether a schema says anything of what is valid, `$ref` aside. */
export function doesBind(schema: SchemaObject): boolean {
  return Object.keys(schema).some((key) => typeKeywords.includes(key) || bindingKeywords.includes(key));
}

export function refuseUnkept(schema: SchemaObject, path: string): void {
  for (const keyword of unsupported) {
    if (schema[keyword] !== undefined) throw schemaError(path, `"${keyword}"`, 'a schema without it');
  }
}

/** The keywords that are given. */
export function defined(keywords: SchemaObject): SchemaObject {
  return Object.fromEntries(Object.entries(keywords).filter(([, value]) => value !== undefined));
}

/** The types that a schema allows; those its keywords speak of where it names none. */
export function typesOf(schema: SchemaObject, path: string): readonly Type[] {
  const { type } = schema;
  if (type === undefined) {
    const meant = (['object', 'array', 'string', 'number'] as const).filter((name) =>
      keywordsOf[name].some((keyword) => schema[keyword] !== undefined),
    );
    return meant.length > 0 ? meant : ['object', 'array', 'string', 'number', 'boolean', 'null'];
  }
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  return names.map((name) => {
    const known = types.find((other) => other === name);
    if (known === undefined) throw schemaError(path, `the type ${JSON.stringify(name)}`, types.join(', '));
    return known;
  });
}

export function isOfType(value: unknown, type: Type): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

/** Between which numbers a value lies; null where there is no bound. */
export function boundsOf(
  schema: SchemaObject,
  path: string,
): { readonly low: Bound | null; readonly high: Bound | null } {
  return {
    low: stricter(bound(schema, 'minimum', false, path), bound(schema, 'exclusiveMinimum', true, path), 1),
    high: stricter(bound(schema, 'maximum', false, path), bound(schema, 'exclusiveMaximum', true, path), -1),
  };
}

function bound(schema: SchemaObject, keyword: string, isExclusive: boolean, path: string): Bound | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isFinite(value)) return { value, isExclusive };
  throw schemaError(path, `"${keyword}": ${JSON.stringify(value)}`, 'a number');
}

/** The one of two bounds that leaves less; `sign` is 1 for lower bounds. */
function stricter(a: Bound | null, b: Bound | null, sign: number): Bound | null {
  if (a === null || b === null) return a ?? b;
  return b.value * sign >= a.value * sign ? b : a;
}

/** A keyword that counts; undefined where it is not given. */
export function count(schema: SchemaObject, keyword: string, path: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw schemaError(path, `"${keyword}": ${JSON.stringify(value)}`, 'a whole number from 0');
}
