/** Keywords as the makers of schemas write them (zod, pydantic, typebox, MCP servers), with Ajv as the judge. */
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { accepts, bytes, drawn, jsonSchema } from '../helpers/grammar.js';

const ajv = new Ajv({ strict: false, allErrors: false });
formats.default(ajv);

const zodEmail =
  "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$";
const zodUuid =
  '^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000)$';
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

/** Name, schema, texts that are to be possible, texts that are not. */
const kept: readonly (readonly [string, object, readonly string[], readonly string[]])[] = [
  [
    'z.record(z.string(), z.number())',
    { type: 'object', propertyNames: { type: 'string' }, additionalProperties: { type: 'number' } },
    ['{}', '{"a":1}'],
    ['{"a":"b"}'],
  ],
  [
    'z.record(z.enum(...))',
    {
      type: 'object',
      propertyNames: { type: 'string', enum: ['a', 'b'] },
      additionalProperties: { type: 'boolean' },
      required: ['a'],
    },
    ['{"a":true}', '{"a":true,"b":false}'],
    ['{}', '{"b":true}', '{"a":true,"c":true}'],
  ],
  [
    'names of a pattern',
    { type: 'object', propertyNames: { pattern: '^[a-z]{2}$' }, additionalProperties: { type: 'integer' } },
    ['{"ab":1}', '{"ab":1,"cd":2}'],
    ['{"abc":1}'],
  ],
  [
    'z.email()',
    { type: 'string', format: 'email', pattern: zodEmail },
    ['"ada.l@example.org"'],
    ['"ada"', '"a..b@c.de"'],
  ],
  [
    'z.uuidv4()',
    { type: 'string', format: 'uuid', pattern: zodUuid },
    ['"123e4567-e89b-42d3-a456-426614174000"'],
    ['"123e4567-e89b-12d3-a456-426614174000"'],
  ],
  [
    'a pattern with lengths',
    { type: 'string', pattern: '^[a-z0-9_-]+$', minLength: 2, maxLength: 5 },
    ['"ab"', '"ab-12"'],
    ['"a"', '"abcdef"', '"A1"'],
  ],
  [
    'a pattern of several parts with lengths',
    { type: 'string', pattern: '^[a-z]+-[0-9]+$', maxLength: 9 },
    ['"a-1"', '"abcd-123"'],
    ['"abcdefgh-1"'],
  ],
  [
    'a pattern that is searched, with a length',
    { type: 'string', pattern: '@', maxLength: 4 },
    ['"@"'],
    ['"a"'],
  ],
  [
    'a format with a length',
    { type: 'string', format: 'email', maxLength: 30, minLength: 8 },
    [],
    ['"a@b.cd"'],
  ],
  ['z.number().multipleOf(5)', { type: 'integer', multipleOf: 5 }, ['0', '-15', '2000'], ['7']],
  ['multiples of ten', { type: 'integer', multipleOf: 10 }, ['0', '123450', '-20'], ['5']],
  [
    'multiples between bounds',
    { type: 'number', minimum: 0, maximum: 2, multipleOf: 0.25 },
    ['0', '0.25', '2'],
    ['0.3', '2.25'],
  ],
  ['cents', { type: 'number', minimum: 0, multipleOf: 0.01 }, ['0.05', '9.5'], ['0.001']],
  [
    'a tuple of draft 7',
    { type: 'array', items: [{ type: 'string' }, { type: 'integer' }], minItems: 2, maxItems: 2 },
    ['["a",1]'],
    ['["a"]', '[1,"a"]'],
  ],
  [
    'a tuple with more',
    { type: 'array', items: [{ type: 'null' }], additionalItems: { type: 'boolean' }, minItems: 1 },
    ['[null]', '[null,true,false]'],
    ['[true]'],
  ],
  [
    'a set of an enum',
    { type: 'array', uniqueItems: true, minItems: 1, items: { enum: ['x', 'y', 'z'] } },
    ['["x"]', '["x","z"]'],
    ['[]', '["x","x"]'],
  ],
  [
    'properties that are counted',
    object(
      { a: { type: 'null' }, b: { type: 'null' }, c: { type: 'null' } },
      { minProperties: 1, maxProperties: 2 },
    ),
    ['{"a":null}', '{"a":null,"c":null}'],
    ['{}', '{"a":null,"b":null,"c":null}'],
  ],
  [
    'a map with at least one entry',
    { type: 'object', additionalProperties: { type: 'integer' }, minProperties: 1, maxProperties: 2 },
    ['{"a":1}'],
    ['{}', '{"a":1,"b":2,"c":3}'],
  ],
  [
    'allOf of objects',
    {
      allOf: [
        object({ a: { type: 'string' } }, { required: ['a'] }),
        object(
          { b: { type: 'integer' } },
          { required: ['b'], additionalProperties: { type: ['integer', 'string'] } },
        ),
      ],
    },
    ['{"a":"x","b":1}'],
    ['{"a":"x"}'],
  ],
  [
    'allOf of closed objects with the same properties',
    {
      allOf: [
        object({ a: { type: 'string' }, b: {} }, { additionalProperties: false, required: ['a'] }),
        object({ a: { minLength: 2 } }, { additionalProperties: false }),
      ],
    },
    ['{"a":"xy"}'],
    ['{"a":"x"}', '{"a":"xy","b":1}'],
  ],
];

describe('keywords that are kept', () => {
  it.each(kept)('%s', (_, schema, possible, impossible) => {
    const validate = ajv.compile(schema);
    for (const text of possible) {
      expect(accepts(jsonSchema(schema), text), text).toBe(true);
      expect(validate(JSON.parse(text)), text).toBe(true);
    }
    for (const text of impossible) expect(accepts(jsonSchema(schema), text), text).toBe(false);
    for (let seed = 0; seed < 12; seed++) {
      const text = drawn(jsonSchema(schema), seed);
      expect(validate(JSON.parse(text)), `${text}: ${JSON.stringify(validate.errors)}`).toBe(true);
    }
  });
});

it.each([
  ['sets without end', { type: 'array', uniqueItems: true, items: { type: 'string' } }],
  ['a pattern that breaks its format', { type: 'string', format: 'uuid', pattern: '^x' }],
  ['not', { not: { type: 'string' } }],
])('what cannot be kept is refused: %s', (_, schema) => {
  expect(() => bytes.compile(jsonSchema(schema))).toThrow(/JSON schema at/);
});
