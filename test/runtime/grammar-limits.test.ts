/** Grammars made to take all time or memory: each is compiled or refused soon, and holds up nobody. */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { compileGrammar as compileElsewhere } from '#src/platform/node/grammar-helper.js';
import { compileGrammar } from '#src/runtime/grammar/grammar.js';
import { mostEdges, mostGrammarLength, mostStates } from '#src/runtime/grammar/limits.js';
import type { Grammar } from '#src/runtime/types.js';
import { endOf, withEngine } from '../helpers/engine.js';
import { accepts, jsonSchema } from '../helpers/grammar.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `name${i}`);
const regex = (pattern: string): Grammar => ({ type: 'regex', pattern });
const ebnf = (text: string): Grammar => ({ type: 'ebnf', text });

/** Definitions that each name the one before, the last one asked for. */
function chain(levels: number, next: (before: string, level: number) => unknown): Grammar {
  const $defs: Record<string, unknown> = { a0: { type: 'object' } };
  for (let level = 1; level <= levels; level++) $defs[`a${level}`] = next(`#/$defs/a${level - 1}`, level);
  return jsonSchema({ $defs, $ref: `#/$defs/a${levels}` });
}

const compiled: readonly (readonly [string, Grammar])[] = [
  ['a reference twice', chain(40, ($ref) => ({ type: 'object', anyOf: [{ $ref }, { $ref }] }))],
  [
    'a reference in two properties',
    chain(40, ($ref) => ({ properties: { x: { $ref, type: 'object' }, y: { $ref, type: 'object' } } })),
  ],
  [
    'a reference twice in allOf',
    chain(40, ($ref, level) => ({ allOf: [{ $ref }, { $ref, title: `${level}` }] })),
  ],
  ['the empty text again and again', ebnf(`root ::= "a" ${'""{100000} '.repeat(1000)}`)],
  ['repetitions of repetitions', regex(`${'(?:'.repeat(150)}a*${')*'.repeat(150)}`)],
  ['optional letters', regex('a?'.repeat(800))],
  ['a negated property', regex('[^\\p{L}]'.repeat(20_000))],
  ['a property in a string', jsonSchema({ type: 'string', pattern: '\\p{L}'.repeat(20_000) })],
  ['names that are required', jsonSchema({ type: 'object', required: names(2000) })],
  ['a long list of values', jsonSchema({ enum: names(8000) })],
  ['a long list of constants', jsonSchema({ oneOf: names(5000).map((name) => ({ const: name })) })],
];
const refused: readonly (readonly [string, Grammar])[] = [
  [
    'references that differ',
    chain(40, ($ref, level) => ({
      type: 'object',
      anyOf: [
        { $ref, required: [`x${level}`] },
        { $ref, required: [`y${level}`] },
      ],
    })),
  ],
  ['an empty rule again and again', ebnf(`root ::= "a" ${'e{100000} '.repeat(1000)}\ne ::= ""`)],
  ['a group of nothing again and again', ebnf(`root ::= "a" ${'("" | ""){100000} '.repeat(1000)}`)],
  ['more optional letters', regex('a?'.repeat(24_000))],
  ['more optional groups', regex('(?:ab?)?'.repeat(24_000))],
  [
    'negated properties that differ',
    regex(Array.from({ length: 20_000 }, (_, i) => `[^\\p{L}\\u{${(0x3000 + i).toString(16)}}]`).join('')),
  ],
  [
    'many properties',
    regex(
      'L Lu Ll Lt Lm Lo M Mn Mc N Nd Nl No P S Sm Sc Z Zs'
        .split(' ')
        .map((name) => `\\p{${name}}`)
        .join(''),
    ),
  ],
  ['names past the bound', jsonSchema({ type: 'object', required: names(60_000) })],
  [
    'overlapping objects',
    jsonSchema({
      oneOf: names(2000).map((name) => ({
        type: 'object',
        properties: { [name]: { const: name } },
        required: [name],
      })),
    }),
  ],
  ['a long name', jsonSchema({ properties: { ['x'.repeat(100_000)]: true }, additionalProperties: true })],
  ['counts of counts', regex(`${'(?:'.repeat(199)}a${'){0,1000}'.repeat(199)}`)],
];

describe('compiling', () => {
  it.each(compiled)('compiles %s', (_, grammar) => {
    const startMs = performance.now();
    compileGrammar(grammar);
    expect(performance.now() - startMs).toBeLessThan(4000);
  });

  it.each(refused)('refuses %s', (_, grammar) => {
    const startMs = performance.now();
    expect(() => compileGrammar(grammar)).toThrow(OptionError);
    expect(performance.now() - startMs).toBeLessThan(4000);
  });

  it('takes a grammar at its bounds, and none beyond', () => {
    const literal = (bytes: number): Grammar => regex('a'.repeat(bytes));
    compileGrammar(literal(mostStates - 2));
    expect(() => compileGrammar(literal(mostStates - 1))).toThrow(/states/);
    // A letter that may be left out can be gone past: n of them have about n^2 / 2 moves.
    const fits = Math.floor(Math.sqrt(2 * mostEdges)) - 2;
    compileGrammar(regex('a?'.repeat(fits)));
    expect(() => compileGrammar(regex('a?'.repeat(fits + 10)))).toThrow(/moves/);
    const text = `root ::= "a" #${'x'.repeat(mostGrammarLength - 14)}`;
    compileGrammar(ebnf(text));
    expect(() => compileGrammar(ebnf(`${text}x`))).toThrow(/characters/);
  });

  it('says the same of a language, however often its parts are shared', () => {
    const [, twice] = compiled[1]!;
    expect(accepts(twice, '{"x":{"x":{},"y":{}},"y":{}}')).toBe(true);
    expect(accepts(twice, '{"x":{"x":1}}')).toBe(false);
    const recursive = jsonSchema({
      $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node', type: 'object' } } } },
      $ref: '#/$defs/node',
    });
    expect(accepts(recursive, '{"next":{"next":{}}}')).toBe(true);
    expect(accepts(recursive, '{"next":[]}')).toBe(false);
    const choice = regex(names(3000).join('|'));
    expect(accepts(choice, 'name2999')).toBe(true);
    expect(accepts(choice, 'name3000')).toBe(false);
  });
});

it('compiles off the thread that asks, which goes on meanwhile', async () => {
  const [, hostile] = refused[0]!;
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const [first, second, third] = await Promise.allSettled([
    compileElsewhere(hostile),
    compileElsewhere(regex('[^\\p{L}]'.repeat(20_000))),
    compileElsewhere(hostile),
  ]);
  clearInterval(timer);
  expect([first.status, second.status, third.status]).toEqual(['rejected', 'fulfilled', 'rejected']);
  expect((first as PromiseRejectedResult).reason).toBeInstanceOf(OptionError);
  expect(turns).toBeGreaterThan(20);
});

it('a grammar that is slow to follow waits for its masks, and nobody else does', async () => {
  const model = temporaryFile(tinyModel({ vocabSize: 4096, tokenizer: 'gpt2' }));
  await withEngine(model, { workers: 1, context: 256, kvTokens: 2048 }, async (engine) => {
    const heavy = new AbortController();
    const grammar = regex('.*[etao].{600}');
    let taken = 0;
    const slow = (async () => {
      for await (const chunk of engine.generate('a', {
        grammar,
        temperature: 1,
        seed: 1,
        signal: heavy.signal,
        maxTokens: 200,
      }))
        if (!chunk.done) taken += chunk.ids.length;
    })();
    await setTimeout(100);
    const before = taken;
    const end = await endOf(
      engine.generate('b', { ignoreEos: true, maxTokens: 200, logitBias: { 4095: -100 } }),
    );
    expect(end.ids.length).toBe(200);
    // Step by step, as many of them would have come.
    expect(taken - before).toBeLessThan(100);
    heavy.abort();
    await slow;
  });
});
