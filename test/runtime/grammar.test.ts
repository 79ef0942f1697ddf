/** Sampling under a grammar with a model's vocabulary: the mask, and what is written under it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { Rng } from '#src/core/rng.js';
import { createGrammarCompiler } from '#src/runtime/grammar/grammar.js';
import type { Grammar } from '#src/runtime/types.js';
import { tokenizerOfFile } from '../helpers/gguf.js';
import { accepts, bounds, bytes, jsonSchema } from '../helpers/grammar.js';
import { invalidity } from '../helpers/json-schema.js';

const tokenizer = await tokenizerOfFile('models/glint/glint-q8_0.gguf');
const glint = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.bytesOf(id));
const compiler = createGrammarCompiler(glint, tokenizer.eosIds);

const has = (mask: Int32Array, id: number) => ((mask[id >>> 5]! >>> (id & 31)) & 1) === 1;

/** Samples with random logits under the mask; after a while the tokens that end texts soonest are preferred. */
function sampleText(grammar: Grammar, seed: number) {
  const rng = new Rng(seed);
  const matcher = compiler.compile(grammar);
  const parts: Uint8Array[] = [];
  const closing = ['"', '}', ']', '0', 'null', '5', ',', '/', '-'].map((text) => Buffer.from(text));
  for (let step = 0; step < 2_000; step++) {
    const mask = matcher.mask();
    const allowed = glint.flatMap((_, id) => (has(mask, id) ? [id] : []));
    const end = allowed.find((id) => tokenizer.eosIds.has(id));
    const plain = allowed.filter((id) => !tokenizer.eosIds.has(id));
    if (end !== undefined && (plain.length === 0 || step > 20 || rng.next() < 0.3)) {
      expect(matcher.isComplete).toBe(true);
      expect(matcher.accept(end)).toBe(true);
      return Buffer.concat(parts).toString();
    }
    const best = closing.flatMap((text) => allowed.find((id) => text.equals(glint[id]!)) ?? [])[0];
    const random = plain[Math.floor(rng.next() * plain.length)]!;
    const id = step > 20 && best !== undefined && rng.next() < 0.7 ? best : random;
    expect(matcher.accept(id)).toBe(true);
    parts.push(glint[id]!);
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
        const written = sampleText(jsonSchema(schema), seed);
        expect(invalidity(JSON.parse(written), schema), written).toBeNull();
      }),
      { numRuns: 150 },
    );
  });

  it('is an object in JSON mode', () => {
    for (let seed = 0; seed < 50; seed++) {
      expect(JSON.parse(sampleText({ type: 'json' }, seed))).toBeTypeOf('object');
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
      const written = sampleText(jsonSchema(schema), seed);
      expect(invalidity(JSON.parse(written), schema)).toBeNull();
    }
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

  it('keeps what it remembers bounded on a long answer', () => {
    const matcher = compiler.compile({ type: 'json' });
    const ids = tokenizer.encode('{"a":', { bos: false });
    for (let i = 0; i < 2_000; i++) {
      for (const id of ids) expect(matcher.accept(id)).toBe(true);
      matcher.mask();
    }
  });

  it.each<[string, number, Grammar]>([
    ['a pattern that counts from every letter', 40, { type: 'regex', pattern: '.*[aeiou].{600}' }],
    [
      'a long text',
      400,
      jsonSchema({
        type: 'object',
        properties: { body: { type: 'string', maxLength: 2000 } },
        required: ['body'],
      }),
    ],
  ])('forgets in the middle of a mask without a fault: %s', (_, steps, grammar) => {
    const rng = new Rng(1);
    const matcher = compiler.compile(grammar);
    for (const id of tokenizer.encode('{"body":"', { bos: false })) matcher.accept(id);
    const words = glint.flatMap((each, id) => (/^[a-z ]+$/.test(Buffer.from(each).toString()) ? [id] : []));
    for (let step = 0; step < steps; step++) {
      const mask = matcher.mask();
      const id = words[Math.floor(rng.next() * words.length)]!;
      expect(has(mask, id)).toBe(matcher.accept(id));
    }
  });
});
