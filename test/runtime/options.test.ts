import { afterAll, describe, expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import type { GgufFile } from '#src/formats/gguf.js';
import { load } from '#src/index.js';
import { validateGenerate } from '#src/runtime/engine/options.js';
import { recommendedSampling, withRecommended } from '#src/runtime/engine/recommended.js';
import type { GenerateOptions, Prompt } from '#src/runtime/types.js';
import { endOf } from '../helpers/engine.js';

const engine = await load(undefined, { workers: 1 });
afterAll(() => engine.close());

const invalid: readonly (readonly [string, Record<string, unknown>])[] = [
  ...[Number.NaN, -0.1, Number.POSITIVE_INFINITY, '1', null].map(
    (v) => ['temperature', { temperature: v }] as const,
  ),
  ...[Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, 2 ** 60].map((v) => ['topK', { topK: v }] as const),
  ...[Number.NaN, 0, -0.5, 1.0001].map((v) => ['topP', { topP: v }] as const),
  ...[Number.NaN, -0.01, 1.01].map((v) => ['minP', { minP: v }] as const),
  ...[Number.NaN, 0, -1, Number.POSITIVE_INFINITY].map(
    (v) => ['repetitionPenalty', { repetitionPenalty: v }] as const,
  ),
  ...[Number.NaN, Number.NEGATIVE_INFINITY].map((v) => ['presencePenalty', { presencePenalty: v }] as const),
  ...[Number.NaN, {}].map((v) => ['frequencyPenalty', { frequencyPenalty: v }] as const),
  ...[Number.NaN, 1.5, 2 ** 53, Number.POSITIVE_INFINITY].map((v) => ['seed', { seed: v }] as const),
  ...[0, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY].map((v) => ['maxTokens', { maxTokens: v }] as const),
  ...['', [''], ['a', ''], 3, null, '\ud800', ['a', '\udc00b']].map((v) => ['stop', { stop: v }] as const),
  ...['100', '-1', 'x', '1.5', ''].map((id) => ['logitBias', { logitBias: { [id]: 1 } }] as const),
  ...[Number.NaN, Number.POSITIVE_INFINITY, '1'].map((v) => ['logitBias', { logitBias: { 5: v } }] as const),
];

describe('validateGenerate', () => {
  it.each(invalid)(
    '%s: %o is refused with what was given, what was expected and what to do',
    (name, options) => {
      let thrown: unknown;
      try {
        validateGenerate(options as GenerateOptions, 100);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(OptionError);
      const { facts } = thrown as OptionError;
      expect(facts.what).toContain(name);
      for (const part of [facts.given, facts.expected, facts.todo]) expect(part).not.toBe('');
    },
  );

  it('takes the ends of every range', () => {
    validateGenerate({}, 100);
    validateGenerate({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: -5, maxTokens: 1, stop: [] }, 100);
    validateGenerate(
      {
        topP: Number.MIN_VALUE,
        minP: 1,
        stop: '\u{1f600}',
        logitBias: { 0: -100, 99: Number.NEGATIVE_INFINITY },
      },
      100,
    );
  });
});

describe('an option that is none', () => {
  const named: readonly (readonly [name: string, hint: string])[] = [
    ['max_tokens', 'maxTokens'],
    ['top_p', 'topP'],
    ['TopK', 'topK'],
    ['warp', 'spelling'],
  ];

  it.each(named)('%s is refused, and the one that was meant is named', (name, hint) => {
    const call = (): void => validateGenerate({ [name]: 2 });
    expect(call).toThrow(OptionError);
    expect(call).toThrow(hint);
  });

  it.each([null, 3, 'x'])('options %j are refused', (options) => {
    expect(() => validateGenerate(options as unknown as GenerateOptions)).toThrow(OptionError);
  });

  it('load refuses it too', async () => {
    await expect(load(undefined, { max_running: 2 } as object)).rejects.toThrow(/Did you mean maxRunning/);
  });
});

describe('a prompt that is none', () => {
  const wrong: readonly (readonly [prompt: unknown, message: RegExp])[] = [
    [undefined, /prompt: got undefined/],
    [null, /prompt: got null/],
    [7, /prompt: got number/],
    [{ role: 'user', content: 'x' }, /prompt: got object/],
    [[{ role: 'user' }], /prompt\[0\]\.content: got undefined/],
    [[{ content: 'x' }], /prompt\[0\]\.role: got undefined/],
    [[{ role: 'user', content: [{ type: 'text', text: 'x' }] }], /a list of 1 parts.*Join/],
    [[{ role: 'user', content: 'x' }, 5], /prompt\[1\]: got 5/],
    [['a', 'b'], /prompt\[0\]: got "a"/],
    [[1, 'b'], /token id b/],
    [[], /no tokens/],
  ];

  it.each(wrong)('%j', (prompt, message) => {
    const call = (): void => void engine.generate(prompt as Prompt);
    expect(call).toThrow(OptionError);
    expect(call).toThrow(message);
  });
});

describe('what the file recommends', () => {
  const recommended = { 'general.sampling.temp': 0.5, 'general.sampling.top_k': 7 };

  it('holds for calls that choose nothing of it, as a whole', () => {
    const file = { optional: (key: string) => recommended[key as keyof typeof recommended] ?? null };
    const sampling = recommendedSampling(file as unknown as GgufFile);
    expect(sampling).toEqual({ temperature: 0.5, topK: 7 });
    expect(withRecommended({ seed: 3 }, sampling)).toEqual({ seed: 3, ...sampling });
    expect(withRecommended({ temperature: 0 }, sampling)).toEqual({ temperature: 0 });
    expect(withRecommended({ topP: 0.9 }, sampling)).toEqual({ topP: 0.9 });
  });

  it.each([
    [64, { penaltyLastTokens: 64 }],
    [0, { penaltyLastTokens: 0 }],
    [-1, {}],
  ])('looks back by penalty_last_n, of which -1 stands for all: %d', (last, sampling) => {
    const optional = (key: string) => (key === 'general.sampling.penalty_last_n' ? last : null);
    expect(recommendedSampling({ optional } as unknown as GgufFile)).toEqual(sampling);
  });

  it('of the embedded model keeps it from loops; zero temperature is still plainly greedy', async () => {
    const prompt = 'export function add(';
    expect(engine.info.sampling).not.toEqual({});
    const asRecommended = await endOf(engine.generate(prompt, { maxTokens: 12, seed: 1 }));
    const spelledOut = await endOf(
      engine.generate(prompt, { ...engine.info.sampling, maxTokens: 12, seed: 1 }),
    );
    expect(asRecommended.ids).toEqual(spelledOut.ids);
    const { ids, promptIds } = await endOf(engine.generate(prompt, { maxTokens: 12, temperature: 0 }));
    const { argmax } = await engine.score([...promptIds, ...ids]);
    expect(argmax.slice(promptIds.length - 1, -1)).toEqual(ids);
  });
});

it('a result is read once: a second reader is told so, and does not get an empty answer', async () => {
  const result = engine.generate('a', { maxTokens: 2, ignoreEos: true });
  expect((await endOf(result)).ids).toHaveLength(2);
  await expect(endOf(result)).rejects.toThrow(/result of a generation: got a second reader/);
});
