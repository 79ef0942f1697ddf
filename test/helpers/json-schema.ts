/** A validator of the JSON Schema keywords that structured output keeps, written from the specification. */
type SchemaObject = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why a value is not valid, or null. `$ref` is a JSON pointer into `root`. */
export function invalidity(value: unknown, schema: unknown, root: unknown = schema): string | null {
  if (schema === true) return null;
  if (!isRecord(schema)) return `nothing is valid for ${JSON.stringify(schema)}`;
  for (const [keyword, given] of Object.entries(schema)) {
    const check = checks.get(keyword);
    if (check === undefined || check(value, given as never, schema, root)) continue;
    return `${JSON.stringify(value)} against "${keyword}": ${JSON.stringify(given)}`;
  }
  return null;
}

const isValid = (value: unknown, schema: unknown, root: unknown) => invalidity(value, schema, root) === null;
type Check = (value: unknown, given: never, schema: SchemaObject, root: unknown) => boolean;

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const lengthOf = (text: string) => [...text].length;
const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  array: Array.isArray,
  object: isRecord,
};

const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['type', (value, given: string | string[]) => [given].flat().some((name) => types[name]?.(value))],
  ['const', (value, given: unknown) => same(value, given)],
  ['enum', (value, given: unknown[]) => given.some((one) => same(value, one))],
  ['minimum', (value, given: number) => typeof value !== 'number' || value >= given],
  ['maximum', (value, given: number) => typeof value !== 'number' || value <= given],
  ['exclusiveMinimum', (value, given: number) => typeof value !== 'number' || value > given],
  ['exclusiveMaximum', (value, given: number) => typeof value !== 'number' || value < given],
  ['minLength', (value, given: number) => typeof value !== 'string' || lengthOf(value) >= given],
  ['maxLength', (value, given: number) => typeof value !== 'string' || lengthOf(value) <= given],
  ['pattern', (value, given: string) => typeof value !== 'string' || new RegExp(given, 'u').test(value)],
  ['minItems', (value, given: number) => !Array.isArray(value) || value.length >= given],
  ['maxItems', (value, given: number) => !Array.isArray(value) || value.length <= given],
  [
    'prefixItems',
    (value, given: unknown[], _, root) =>
      !Array.isArray(value) || given.every((one, i) => i >= value.length || isValid(value[i], one, root)),
  ],
  [
    'items',
    (value, given: unknown, { prefixItems }, root) =>
      !Array.isArray(value) ||
      value
        .slice(Array.isArray(prefixItems) ? prefixItems.length : 0)
        .every((item) => isValid(item, given, root)),
  ],
  [
    'required',
    (value, given: string[]) => !isRecord(value) || given.every((name) => Object.hasOwn(value, name)),
  ],
  [
    'properties',
    (value, given: SchemaObject, _, root) =>
      !isRecord(value) ||
      Object.entries(given).every(
        ([name, schema]) => !Object.hasOwn(value, name) || isValid(value[name], schema, root),
      ),
  ],
  [
    'additionalProperties',
    (value, given: unknown, { properties }, root) =>
      !isRecord(value) ||
      Object.entries(value).every(
        ([name, one]) =>
          (isRecord(properties) && Object.hasOwn(properties, name)) || isValid(one, given, root),
      ),
  ],
  ['anyOf', (value, given: unknown[], _, root) => given.some((one) => isValid(value, one, root))],
  [
    'oneOf',
    (value, given: unknown[], _, root) => given.filter((one) => isValid(value, one, root)).length === 1,
  ],
  ['allOf', (value, given: unknown[], _, root) => given.every((one) => isValid(value, one, root))],
  [
    '$ref',
    (value, given: string, _, root) => {
      const target = given
        .split('/')
        .slice(1)
        .reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), root);
      return isValid(value, target, root);
    },
  ],
]);
