import { describe, expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { validateGenerate } from '#src/runtime/engine/options.js';
import type { GenerateOptions } from '#src/runtime/types.js';

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
