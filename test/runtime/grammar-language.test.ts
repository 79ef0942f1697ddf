/** Which texts a grammar has, and which grammars are refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { compileGrammar } from '#src/runtime/grammar/grammar.js';
import type { Grammar } from '#src/runtime/types.js';
import { accepts, bounds, bytes, jsonSchema } from '../helpers/grammar.js';
import { invalidity } from '../helpers/json-schema.js';

describe('a schema', () => {
  it.each([
    [
      'integer bounds',
      { type: 'integer', minimum: -5, exclusiveMaximum: 12 },
      ['-5', '0', '11'],
      ['-6', '12', '1.5', '01'],
    ],
    [
      'number bounds',
      { type: 'number', exclusiveMinimum: 0, maximum: 1.25 },
      ['0.1', '1.25', '1', '0.0001'],
      ['0', '0.0', '1.26', '-1', '1.250001'],
    ],
    [
      'negative bounds',
      { type: 'number', minimum: -2.5, maximum: -0.5 },
      ['-2.5', '-1', '-0.5'],
      ['-2.51', '-0.4', '0.5', '0'],
    ],
    [
      'small bounds',
      { type: 'number', minimum: 1e-7 },
      ['0.0000001', '1', '12.5'],
      ['0', '0.00000009', '-1'],
    ],
    [
      'optional properties',
      { type: 'object', properties: { a: { type: 'null' }, b: { type: 'null' } } },
      ['{}', '{"a":null}', '{"b":null}', '{"a": null, "b": null}'],
      ['{"b":null,"a":null}', '{"a":null,}', '{,"b":null}', '{"c":null}'],
    ],
    [
      'extra properties',
      { type: 'object', properties: { ab: { type: 'null' } }, additionalProperties: { type: 'boolean' } },
      ['{"ab":null,"abc":true,"a":false}', '{"x":true}', '{}'],
      ['{"ab":true}', '{"abc":null}', '{"x":true,"ab":null}', '{"\\u0061b":true}'],
    ],
    [
      'formats',
      { type: 'string', format: 'date' },
      ['"2024-02-28"', '"2024-12-31"'],
      ['"2024-02-30"', '"2024-13-01"', '"x"'],
    ],
    [
      'tuples',
      { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }], items: false },
      ['[]', '[1]', '[1, "a"]'],
      ['[1,"a",2]', '["a"]'],
    ],
    [
      'all of',
      {
        allOf: [
          { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] },
          { properties: { a: { type: 'integer', maximum: 3 } } },
        ],
      },
      ['{"a":3}'],
      ['{"a":4}', '{"a":1.5}', '{}'],
    ],
    [
      'siblings of any of',
      {
        type: 'object',
        properties: { k: { type: 'string' } },
        required: ['k'],
        anyOf: [{ properties: { k: { const: 'x' } } }, { properties: { k: { const: 'y' } } }],
      },
      ['{"k":"x"}', '{"k":"y"}'],
      ['{"k":"z"}'],
    ],
    [
      'lengths in code points',
      { type: 'string', minLength: 2, maxLength: 2 },
      ['"🙂a"', '"\\n\\u00e9"'],
      ['"a"', '"abc"', '"🙂"', '"\\ud83d\\ude42"'],
    ],
    ['patterns found anywhere', { type: 'string', pattern: 'b"' }, ['"ab\\"c"', '"b\\""'], ['"b"', '"\\"b"']],
  ])('keeps %s', (_, schema, valid, invalid) => {
    for (const text of valid) expect(accepts(jsonSchema(schema), text), text).toBe(true);
    for (const text of invalid) expect(accepts(jsonSchema(schema), text), text).toBe(false);
  });

  it('bounds numbers as a comparison of numbers would', () => {
    fc.assert(
      fc.property(
        bounds,
        fc.boolean(),
        fc.integer({ min: -9999, max: 9999 }),
        fc.nat(4),
        ([low, width], open, n, scale) => {
          const value = Number((n / 10 ** scale).toFixed(scale));
          const [least, most] = [low, low + width];
          const schema = {
            type: 'number',
            [open ? 'exclusiveMinimum' : 'minimum']: least,
            [open ? 'exclusiveMaximum' : 'maximum']: most,
          };
          expect(accepts(jsonSchema(schema), String(value)), `${value} in ${JSON.stringify(schema)}`).toBe(
            invalidity(value, schema) === null,
          );
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('a regular expression', () => {
  it('matches regular expressions as the engine does', () => {
    const patterns = [
      'a*b+',
      '(?:ab|a)(c|bcd)?',
      '[^a-c\\d]{1,2}',
      '\\w\\W\\s',
      'x{2}|y{1,}',
      '.é?',
      '\\u00e4|\\p{Lu}',
      '[\\w-]+',
      '(?<n>a)??b',
      '[a\\]]\\.',
      '\\x41[\\b]?',
      '',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...patterns),
        fc.string({ unit: fc.constantFrom(...'abcdxyA1-].é ä\n'), maxLength: 5 }),
        (pattern, text) => {
          const expected = new RegExp(`^(?:${pattern})$`, 'u').test(text);
          expect(accepts({ type: 'regex', pattern }, text), `${JSON.stringify(text)} for ${pattern}`).toBe(
            expected,
          );
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('matches every character in the bytes of UTF-8', () => {
    for (const [pattern, inside, outside] of [
      ['[\\u0080-\\u07fe]', ['\u0080', '\u07fe', 'é'], ['\u007f', '\u07ff', 'a', '\u0800']],
      [
        '[\\u{7f}-\\u{10400}]',
        ['\u007f', '\ud800\udc00', '\u{10400}', '\uffff', '\u3042'],
        ['~', '\u{10401}', '\u{1f642}'],
      ],
      ['[^\\u{1f642}]', ['\u{1f641}', '\u{10ffff}', 'a'], ['\u{1f642}']],
    ] as const) {
      for (const text of inside) expect(accepts({ type: 'regex', pattern }, text)).toBe(true);
      for (const text of outside) expect(accepts({ type: 'regex', pattern }, text)).toBe(false);
    }
  });

  it('compiles large sets once, however often they are repeated', () => {
    const startMs = performance.now();
    compileGrammar({ type: 'regex', pattern: '\\p{L}' });
    const oneMs = performance.now() - startMs;
    compileGrammar({ type: 'regex', pattern: '\\p{L}{5000}' });
    // Copied, the set would take thousands of times as long.
    expect(performance.now() - startMs - oneMs).toBeLessThan(oneMs * 20);
  });
});

it('reads the GGML dialect of EBNF', () => {
  const text = `# a sum
root  ::= term ("+" term)*   # terms
term ::= number
  | ( "(" root
    ")" )
number ::= [0-9]{1,3} ("." [0-9]+)? | "\\x41" | [^0-9()+\\u{41}-]`.replace('\\u{41}', '\\u0041');
  const grammar: Grammar = { type: 'ebnf', text };
  for (const good of ['1', '12+(3.5+A)', 'é', '(((7)))']) expect(accepts(grammar, good), good).toBe(true);
  for (const bad of ['', '1+', '1234', '(1', '-', '3.']) expect(accepts(grammar, bad), bad).toBe(false);
});

describe('a grammar that cannot be followed', () => {
  const broken: [string, Grammar, RegExp][] = [
    ['no JSON', { type: 'jsonSchema', schema: '{bad' }, /no JSON/],
    [
      'unknown type',
      jsonSchema({ properties: { a: { type: 'strng' } } }),
      /#\/properties\/a: got the type "strng"/,
    ],
    ['missing reference', jsonSchema({ $ref: '#/x' }), /#\/x/],
    ['circle of references', jsonSchema({ $ref: '#' }), /no text at all/],
    [
      'no finite value',
      jsonSchema({ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }),
      /no text at all/,
    ],
    ['keyword that is not kept', jsonSchema({ not: { type: 'string' } }), /"not"/],
    ['overlapping oneOf', jsonSchema({ oneOf: [{ type: 'number' }, { type: 'integer' }] }), /"oneOf"/],
    ['empty enum', jsonSchema({ enum: [] }), /no text at all/],
    ['bounds the wrong way', jsonSchema({ type: 'integer', minimum: 5, maximum: 3 }), /no text at all/],
    ['length that is no number', jsonSchema({ type: 'string', minLength: '3' }), /"minLength"/],
    ['infinite bound', { type: 'jsonSchema', schema: '{"type":"number","minimum":1e999}' }, /"minimum"/],
    ['pattern that is none', { type: 'regex', pattern: '(a' }, /group/i],
    ['look-ahead', { type: 'regex', pattern: '(?=a)b' }, /look-around/],
    ['back-reference', { type: 'regex', pattern: '(a)\\1' }, /\\1/],
    ['word boundary', { type: 'regex', pattern: 'a\\bc' }, /\\b/],
    ['anchor inside', { type: 'regex', pattern: 'a(^b)' }, /\^ or \$/],
    ['too large', { type: 'regex', pattern: '[ab]{1000000000}' }, /states/],
    [
      'deep schema',
      { type: 'jsonSchema', schema: `${'{"items":'.repeat(500)}{}${'}'.repeat(500)}` },
      /deeper/,
    ],
    ['deep pattern', { type: 'regex', pattern: '('.repeat(500) + ')'.repeat(500) }, /groups within/],
    ['no root', { type: 'ebnf', text: 'a ::= "b"' }, /root/],
    ['missing rule', { type: 'ebnf', text: 'root ::= other' }, /"other"/],
    ['left recursion', { type: 'ebnf', text: 'root ::= root "a" | "b"' }, /begin with itself/],
    [
      'hidden left recursion',
      { type: 'ebnf', text: 'root ::= e x\ne ::= "a"?\nx ::= root "b" | "c"' },
      /begin with itself/,
    ],
    ['open string', { type: 'ebnf', text: 'root ::= "a' }, /line 1/],
    ['deep brackets', { type: 'ebnf', text: `root ::= ${'('.repeat(500)}` }, /brackets within/],
  ];
  it.each(broken)('refuses with the reason: %s', (_, grammar, reason) => {
    const error = (run: () => unknown) => {
      try {
        run();
      } catch (thrown) {
        return thrown;
      }
      return null;
    };
    expect(error(() => compileGrammar(grammar))).toBeInstanceOf(OptionError);
    expect(String(error(() => bytes.compile(grammar)))).toMatch(reason);
  });

  it.each([
    ['a pattern beside a format', { type: 'string', format: 'date', pattern: 'x' }, /pattern/],
    ['a length that a format does not have', { type: 'string', format: 'date', maxLength: 9 }, /no text/],
    ['a length of parts that may be empty', { type: 'string', pattern: '^(a*b*)*$', maxLength: 3 }, /length/],
    ['constants that are of no format', { enum: ['x', 'y'], format: 'uuid' }, /no text/],
    [
      'what allOf brings together',
      { allOf: [{ format: 'date' }, { minLength: 11 }], type: 'string' },
      /no text/,
    ],
    [
      'unevaluated beside a part',
      { unevaluatedProperties: false, anyOf: [{ type: 'object' }] },
      /unevaluated/,
    ],
    ['unevaluated in a part', { type: 'object', allOf: [{ unevaluatedProperties: false }] }, /unevaluated/],
  ])('passes over nothing that binds: %s', (_, schema, reason) => {
    expect(() => compileGrammar(jsonSchema(schema))).toThrow(reason);
  });

  it('keeps what it can of keywords beside each other', () => {
    const date = { type: 'string', format: 'date', minLength: 1, maxLength: 10 };
    expect(accepts(jsonSchema(date), '"2024-02-28"')).toBe(true);
    expect(accepts(jsonSchema(date), '"a"')).toBe(false);
    const dates = { enum: ['2024-02-28', 'never', 7], format: 'date' };
    expect(accepts(jsonSchema(dates), '"2024-02-28"')).toBe(true);
    expect(accepts(jsonSchema(dates), '"never"')).toBe(false);
    expect(accepts(jsonSchema(dates), '7')).toBe(true);
    const none = { type: 'array', unevaluatedItems: false };
    expect(accepts(jsonSchema(none), '[]')).toBe(true);
    expect(accepts(jsonSchema(none), '[1]')).toBe(false);
    const text = { type: 'object', properties: { a: true }, unevaluatedProperties: { type: 'string' } };
    expect(accepts(jsonSchema(text), '{"a":1,"b":"x"}')).toBe(true);
    expect(accepts(jsonSchema(text), '{"a":1,"b":1}')).toBe(false);
  });

  it('never ends in another error than an OptionError', () => {
    const odd = fc.oneof(
      fc.jsonValue().map((value): Grammar => jsonSchema(value)),
      fc
        .dictionary(
          fc.constantFrom(
            'type',
            'properties',
            'items',
            'allOf',
            'anyOf',
            '$ref',
            'enum',
            'required',
            'pattern',
            'minimum',
            'maxItems',
            'const',
            'additionalProperties',
          ),
          fc.oneof(fc.jsonValue(), fc.constantFrom('object', 'array', '#', '#/items', 'integer')),
        )
        .map((value): Grammar => jsonSchema(value)),
      fc.string().map((pattern): Grammar => ({ type: 'regex', pattern })),
      fc
        .string({ unit: fc.constantFrom(...'root ::="ab[]()*|{}1,^\\\n') })
        .map((text): Grammar => ({ type: 'ebnf', text })),
    );
    fc.assert(
      fc.property(odd, (grammar) => {
        try {
          bytes.compile(grammar).mask();
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(OptionError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
