/** Values by a JSON schema, most of which are valid: a judge has to say which. */
import type { Rng } from '#src/core/rng.js';

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of formats, and of patterns by what the text of one has in it. */
const texts: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^email$/, ['a.b@example.org', 'me+you@x.co']],
  [/^uri/, ['https://example.org/a?b=c', 'file:///tmp']],
  [/^date-time$/, ['2026-12-01T09:15:00Z', '2024-02-29T23:59:59.5+01:00']],
  [/^date$/, ['2026-12-01', '2024-02-29']],
  [/^time$/, ['09:15:00Z', '23:59:59.25Z', '09:15:00']],
  [/^duration$/, ['P1DT2H', 'PT5M', 'P3W']],
  [/^(uuid|guid)$/, ['6ba7b810-9dad-41d1-80b4-00c04fd430c8']],
  [/^ipv4$/, ['192.168.0.1', '8.8.8.8']],
  [/^base64$/, ['aGk=', '']],
  [/^byte$/, ['aGk=']],
];
const someTexts = [
  '',
  'a',
  'ab',
  'abc',
  'hello',
  '12345',
  'ab-12',
  'ABC-12',
  'sk-1',
  'a.ts',
  'x@y',
  'v1',
  '0',
  '1.5',
  '-2',
  'Jane "J" O\\n',
  'é',
  'c9x8y7z6a5b4c3d2e1f0g9h8i',
  '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  'V1StGXR8_Z5jdHi6B-myT',
  'cjld2cjxh0000qzrmn831i7rn',
  'P1D',
  'https://example.org',
];

/** A value by `schema`, whose references lead into `root`. */
export function instanceOf(schema: unknown, rng: Rng, root: unknown = schema, depth = 0): unknown {
  const among = <T>(list: readonly T[]): T => list[rng.below(list.length)]!;
  const part = (inner: unknown) => instanceOf(inner, rng, root, depth + 1);
  if (!isSchema(schema) || Object.keys(schema).length === 0) return among([1, 'a', true, null, [], {}]);
  if (typeof schema.$ref === 'string') return instanceOf(resolved(schema.$ref, root), rng, root, depth + 1);
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return among(schema.enum as unknown[]);
  const ways = (schema.anyOf ?? schema.oneOf) as readonly unknown[] | undefined;
  if (ways !== undefined) return part(depth > 4 ? ways.at(-1) : among(ways));
  const all = schema.allOf as readonly unknown[] | undefined;
  if (all !== undefined) return Object.assign({}, ...all.map(part)) as unknown;
  const type: unknown = Array.isArray(schema.type) ? among(schema.type as unknown[]) : schema.type;
  const least = Number(schema.minimum ?? schema.exclusiveMinimum ?? -5);
  const step = Number(schema.multipleOf ?? 1);
  switch (type) {
    case 'string':
      return textOf(schema, among);
    case 'integer':
    case 'number': {
      const first = Math.ceil(least / step) * step;
      const number = first + step * rng.below(12);
      return type === 'number' && schema.multipleOf === undefined && rng.next() < 0.3
        ? number + 0.25
        : number;
    }
    case 'boolean':
      return rng.next() < 0.5;
    case 'null':
      return null;
    case 'array':
      return listOf(schema, part, rng, depth);
    default:
      return objectOf(schema, part, rng);
  }
}

function textOf(
  { format, pattern, minLength = 0, maxLength = 40 }: Schema,
  among: <T>(list: readonly T[]) => T,
) {
  const known = texts.find(([name]) => typeof format === 'string' && name.test(format))?.[1];
  const all = [...(known ?? []), ...someTexts, ...texts.flatMap(([, list]) => list)];
  const fits = all.filter(
    (text) =>
      [...text].length >= Number(minLength) &&
      [...text].length <= Number(maxLength) &&
      (typeof pattern !== 'string' || new RegExp(pattern, 'u').test(text)),
  );
  return among(known?.some((text) => fits.includes(text)) ? known : fits.length > 0 ? fits : all);
}

function listOf(schema: Schema, part: (inner: unknown) => unknown, rng: Rng, depth: number): unknown[] {
  const { prefixItems, items, additionalItems, minItems = 0, maxItems = 3 } = schema;
  const first = (Array.isArray(items) ? items : (prefixItems ?? [])) as readonly unknown[];
  const rest = Array.isArray(items) ? additionalItems : items;
  const most = depth > 4 ? Number(minItems) : Math.min(Number(maxItems), Number(minItems) + 2);
  const least = Math.max(Number(minItems), first.length);
  const length = Math.max(least, least + rng.below(Math.max(1, most - least + 1)));
  return Array.from(
    { length: rest === false || rest === undefined ? first.length || length : length },
    (_, i) => part(i < first.length ? first[i] : (rest ?? {})),
  );
}

function objectOf(schema: Schema, part: (inner: unknown) => unknown, rng: Rng): Schema {
  const { properties = {}, required = [], additionalProperties, propertyNames, patternProperties } = schema;
  const members: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(properties as Schema))
    if ((required as readonly string[]).includes(name) || rng.next() < 0.5) members[name] = part(inner);
  const names = isSchema(propertyNames) ? propertyNames : null;
  const [[pattern, ofPattern] = [null, null]] = Object.entries((patternProperties ?? {}) as Schema);
  const more = pattern === null ? additionalProperties : ofPattern;
  const missing = (required as readonly string[]).filter((name) => !(name in members));
  for (const name of missing) members[name] = part(isSchema(more) ? more : {});
  if (more === false || (more === undefined && names === null)) return members;
  for (let i = rng.below(3); i > 0; i--) {
    const name = String(part(pattern === null ? { type: 'string', ...names } : { type: 'string', pattern }));
    // Engines put whole numbers first, and names with escapes are not written (docs/structured-output.md).
    if (/^\d+$|["\\]/.test(name)) continue;
    members[name] ??= part(isSchema(more) ? more : {});
  }
  return members;
}

function resolved(ref: string, root: unknown): unknown {
  let at = root;
  const id = /^[^#]+$/.test(ref) ? ref : null;
  if (id !== null) return byId(root, id);
  for (const step of ref
    .replace(/^[^#]*#\/?/, '')
    .split('/')
    .filter(Boolean))
    at = (at as Schema)[decodeURIComponent(step.replaceAll('~1', '/').replaceAll('~0', '~'))];
  return at;
}

function byId(part: unknown, id: string): unknown {
  if (typeof part !== 'object' || part === null) return undefined;
  if (isSchema(part) && part.$id === id) return part;
  return Object.values(part)
    .map((inner) => byId(inner, id))
    .find((found) => found !== undefined);
}
