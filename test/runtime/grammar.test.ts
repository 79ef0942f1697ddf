import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { Rng } from '#src/core/rng.js';
import { checkGrammar, createGrammarCompiler, type GrammarCompiler } from '#src/runtime/grammar.js';
import type { Grammar } from '#src/runtime/types.js';
import { tokenizerOfFile } from '../helpers/gguf.js';
import { invalidity } from '../helpers/json-schema.js';

const tokenizer = await tokenizerOfFile('models/glint/glint-q8_0.gguf');
const glint = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.bytesOf(id));
const compiler = createGrammarCompiler(glint, tokenizer.eosIds);

/** One token per byte, and 256 ends. */
const bytes = createGrammarCompiler(
  Array.from({ length: 257 }, (_, id) => (id < 256 ? Uint8Array.of(id) : new Uint8Array(0))),
  [256],
);

const has = (mask: Int32Array, id: number) => ((mask[id >>> 5]! >>> (id & 31)) & 1) === 1;

/** Whether the whole text is of the language. */
function accepts(grammar: Grammar, text: string): boolean {
  const matcher = bytes.compile(grammar);
  return [...Buffer.from(text)].every((byte) => matcher.accept(byte)) && matcher.isComplete;
}

const jsonSchema = (schema: unknown): Grammar => ({ type: 'jsonSchema', schema: JSON.stringify(schema) });

/** Samples with random logits under the mask; after a while the tokens that end texts soonest are preferred. */
function sampleText(
  using: GrammarCompiler,
  vocabulary: readonly Uint8Array[],
  grammar: Grammar,
  seed: number,
) {
  const rng = new Rng(seed);
  const matcher = using.compile(grammar);
  const parts: Uint8Array[] = [];
  const closing = ['"', '}', ']', '0', 'null', '5', ',', '/', '-'].map((text) => Buffer.from(text));
  for (let step = 0; step < 2_000; step++) {
    const mask = matcher.mask();
    const allowed = vocabulary.flatMap((_, id) => (has(mask, id) ? [id] : []));
    const end = allowed.find((id) => tokenizer.eosIds.has(id));
    const plain = allowed.filter((id) => !tokenizer.eosIds.has(id));
    if (end !== undefined && (plain.length === 0 || step > 20 || rng.next() < 0.3)) {
      expect(matcher.isComplete).toBe(true);
      expect(matcher.accept(end)).toBe(true);
      return Buffer.concat(parts).toString();
    }
    const best = closing.flatMap((text) => allowed.find((id) => text.equals(vocabulary[id]!)) ?? [])[0];
    const random = plain[Math.floor(rng.next() * plain.length)]!;
    const id = step > 20 && best !== undefined && rng.next() < 0.7 ? best : random;
    expect(matcher.accept(id)).toBe(true);
    parts.push(vocabulary[id]!);
  }
  throw new Error(`no end in ${Buffer.concat(parts).toString().slice(0, 500)}`);
}

const names = fc.constantFrom(
  'a',
  'ab',
  'b',
  'city',
  'with "quotes"',
  'größe',
  '',
  '__proto__',
  'constructor',
);
const bounds = fc.tuple(
  fc.oneof(fc.integer({ min: -1200, max: 1200 }), fc.constantFrom(0, -0.5, 0.25, 1e-3, -3.75, 99.995, 1e6)),
  fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.constantFrom(0.5, 0.125, 2.5, 1e6)),
);
/** Random schemas; `leaf` has no schemas inside. */
const { schema: randomSchema } = fc.letrec<{ leaf: unknown; schema: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.record({ type: fc.constantFrom('null', 'boolean', 'integer', 'number', 'string', 'array', 'object') }),
    fc.record({ enum: fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 4 }) }),
    fc.record({ const: fc.jsonValue({ maxDepth: 2 }) }),
    fc
      .tuple(
        bounds,
        fc.constantFrom('integer', 'number'),
        fc.boolean(),
        fc.boolean(),
        fc.integer({ max: 2, min: 0 }),
      )
      .map(([[low, width], type, openLow, openHigh, which]) => ({
        type,
        ...(which === 1 ? {} : { [openLow ? 'exclusiveMinimum' : 'minimum']: Math.round(low) }),
        ...(which === 2
          ? {}
          : {
              [openHigh ? 'exclusiveMaximum' : 'maximum']:
                (type === 'integer' ? Math.round(low) : low) + Math.ceil(width) + 2,
            }),
      })),
    fc
      .tuple(fc.nat(3), fc.nat(4))
      .map(([least, more]) => ({ type: 'string', minLength: least, maxLength: least + more })),
    fc.record({
      type: fc.constant('string'),
      pattern: fc.constantFrom('^[A-Z]{2,3}-\\d+$', 'a|b', '^["\\\\/\\n]+x?$', '^(ä|ß|🙂)*$', '[^"]\\s'),
    }),
  ),
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('leaf'),
    fc
      .tuple(
        fc.uniqueArray(fc.tuple(names, tie('schema'), fc.boolean()), {
          maxLength: 4,
          selector: ([name]) => name,
        }),
        fc.option(fc.oneof(fc.boolean(), tie('leaf')), { nil: undefined }),
      )
      .map(([entries, additionalProperties]) => ({
        type: 'object',
        properties: Object.fromEntries(entries.map(([name, schema]) => [name, schema])),
        required: entries.flatMap(([name, , isRequired]) => (isRequired ? [name] : [])),
        ...(additionalProperties === undefined ? {} : { additionalProperties }),
      })),
    fc
      .tuple(tie('schema'), fc.array(tie('leaf'), { maxLength: 2 }), fc.nat(2), fc.nat(3))
      .map(([items, prefixItems, minItems, more]) => ({
        type: 'array',
        items,
        minItems,
        maxItems: minItems + more,
        ...(prefixItems.length > 0 ? { prefixItems } : {}),
      })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}));

describe('structured output', () => {
  it('parses and validates whatever the logits are', () => {
    fc.assert(
      fc.property(randomSchema, fc.nat(), (schema, seed) => {
        const written = sampleText(compiler, glint, jsonSchema(schema), seed);
        expect(invalidity(JSON.parse(written), schema), written).toBeNull();
      }),
      { numRuns: 150 },
    );
  });

  it('is an object in JSON mode', () => {
    for (let seed = 0; seed < 50; seed++) {
      expect(JSON.parse(sampleText(compiler, glint, { type: 'json' }, seed))).toBeTypeOf('object');
    }
  });

  it('takes every JSON object that JSON.stringify writes without exponents', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), (value) => {
        const written = JSON.stringify(value);
        fc.pre(!/[0-9]e[+-][0-9]|\\ud[89a-f]|[0-9]{17}/.test(written));
        expect(accepts({ type: 'json' }, written), written).toBe(true);
      }),
    );
  });

  it('masks exactly the tokens that it would accept', () => {
    const schema = jsonSchema({
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 5 },
        n: { type: 'integer', minimum: 7, maximum: 113 },
      },
      required: ['n'],
    });
    const script = [
      '',
      '{',
      '{"',
      '{"name": "',
      '{"name": "é',
      '{"name":"abcde',
      '{"n": 1',
      '{"n": 11',
      '{"n": 7}',
    ];
    for (const start of script) {
      const at = () => {
        const matcher = compiler.compile(schema);
        for (const id of tokenizer.encode(start, { bos: false })) expect(matcher.accept(id)).toBe(true);
        return matcher;
      };
      const mask = at().mask();
      for (let id = 0; id < tokenizer.vocabSize; id++) {
        if (at().accept(id) !== has(mask, id)) expect.fail(`token ${id} after ${start}`);
      }
    }
  });

  it('ends only where the text is complete, and takes nothing after the end', () => {
    const [eos] = tokenizer.eosIds;
    const matcher = compiler.compile({ type: 'regex', pattern: 'yes|no' });
    expect(matcher.accept(eos!)).toBe(false);
    for (const id of tokenizer.encode('yes', { bos: false })) matcher.accept(id);
    expect(matcher.isComplete).toBe(true);
    expect([...matcher.mask()].some((word) => word !== 0)).toBe(true);
    expect(matcher.accept(eos!)).toBe(true);
    expect(matcher.accept(eos!)).toBe(false);
    expect(() => matcher.mask()).toThrow(OptionError);
  });

  it('follows recursive schemas', () => {
    const schema = {
      $defs: {
        tree: {
          type: 'object',
          properties: {
            value: { type: 'integer' },
            children: { type: 'array', items: { $ref: '#/$defs/tree' } },
          },
          required: ['value', 'children'],
          additionalProperties: false,
        },
      },
      $ref: '#/$defs/tree',
    };
    expect(accepts(jsonSchema(schema), '{"value":1,"children":[{"value":2,"children":[]}]}')).toBe(true);
    expect(accepts(jsonSchema(schema), '{"value":1,"children":[{"value":2}]}')).toBe(false);
    for (let seed = 0; seed < 20; seed++) {
      const written = sampleText(compiler, glint, jsonSchema(schema), seed);
      expect(invalidity(JSON.parse(written), schema)).toBeNull();
    }
  });

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
    expect(error(() => checkGrammar(grammar))).toBeInstanceOf(OptionError);
    expect(String(error(() => compiler.compile(grammar)))).toMatch(reason);
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

  it('refuses a grammar too ambiguous to follow, and one that the vocabulary cannot write', () => {
    const text = 'root ::= "x" root "a" | "x" root "b" | "c"';
    const matcher = bytes.compile({ type: 'ebnf', text });
    expect(() => {
      for (let i = 0; i < 100; i++) matcher.accept('x'.charCodeAt(0));
    }).toThrow(/ways to read/);
    const digits = createGrammarCompiler([Uint8Array.of(0x30), new Uint8Array(0)], [1]);
    expect(() => digits.compile({ type: 'regex', pattern: 'a' }).mask()).toThrow(/vocabulary/);
  });

  it('compiles large sets once, however often they are repeated', () => {
    const startMs = performance.now();
    checkGrammar({ type: 'regex', pattern: '\\p{L}' });
    const oneMs = performance.now() - startMs;
    checkGrammar({ type: 'regex', pattern: '\\p{L}{5000}' });
    // Copied, the set would take thousands of times as long.
    expect(performance.now() - startMs - oneMs).toBeLessThan(oneMs * 20);
  });

  it('keeps what it remembers bounded on a long answer', () => {
    const matcher = compiler.compile({ type: 'json' });
    const ids = tokenizer.encode('{"a":', { bos: false });
    for (let i = 0; i < 2_000; i++) {
      for (const id of ids) expect(matcher.accept(id)).toBe(true);
      matcher.mask();
    }
  });
});
