/** Checks of the options of a generation, before anything is computed. */
import { OptionError } from '../../core/errors.js';
import type { GenerateDefaults, GenerateOptions, SamplingOptions } from '../types.js';

interface Range {
  readonly test: (value: number) => boolean;
  readonly expected: string;
  readonly todo: string;
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const RANGES: Readonly<Record<Exclude<keyof SamplingOptions, 'logitBias'>, Range>> = {
  temperature: {
    test: (value) => Number.isFinite(value) && value >= 0,
    expected: 'a finite number of at least 0',
    todo: 'Use 0 for greedy decoding or about 0.7 for variety.',
  },
  topK: {
    test: isCount,
    expected: 'an integer of at least 0',
    todo: 'Use 0 to keep all tokens or, say, 40.',
  },
  topP: {
    test: (value) => value > 0 && value <= 1,
    expected: 'a number above 0 and at most 1',
    todo: 'Use 1 to keep all tokens or, say, 0.95.',
  },
  minP: {
    test: (value) => value >= 0 && value <= 1,
    expected: 'a number from 0 to 1',
    todo: 'Use 0 to drop no token or, say, 0.05.',
  },
  repetitionPenalty: {
    test: (value) => Number.isFinite(value) && value > 0,
    expected: 'a finite number above 0',
    todo: 'Use 1 to switch it off or, say, 1.1.',
  },
  presencePenalty: {
    test: Number.isFinite,
    expected: 'a finite number',
    todo: 'Use 0 to switch it off; common values lie between -2 and 2.',
  },
  frequencyPenalty: {
    test: Number.isFinite,
    expected: 'a finite number',
    todo: 'Use 0 to switch it off; common values lie between -2 and 2.',
  },
  penaltyLastTokens: {
    test: isCount,
    expected: 'an integer of at least 0',
    todo: 'Leave it out to look at all tokens or use, say, 64.',
  },
  seed: {
    test: Number.isSafeInteger,
    expected: 'an integer between -(2^53 - 1) and 2^53 - 1',
    todo: 'Use any such integer, or leave it out for a random one.',
  },
};

/** A value as it would be typed, cut to a length that fits a message. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function requireNumber(name: string, value: unknown, { test, expected, todo }: Range): void {
  if (typeof value === 'number' && test(value)) return;
  throw new OptionError({ what: `option ${name}`, given: show(value), expected, todo });
}

const samplingNames = [...(Object.keys(RANGES) as (keyof typeof RANGES)[]), 'logitBias'] as const;

/** The sampling options among others, as far as they are given: what crosses to the leader, as functions cannot. */
export function samplingOf(options: SamplingOptions): SamplingOptions {
  const all = samplingNames.map((name) => [name, options[name]] as const);
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

/**
 * Checks the sampling options against their ranges, and the ids of `logitBias` against the vocabulary where its
 * size is known.
 *
 * @throws OptionError for the first value out of its range
 */
export function validateSampling(options: SamplingOptions, vocabSize = Number.MAX_SAFE_INTEGER): void {
  for (const [name, range] of Object.entries(RANGES)) {
    const value = options[name as keyof typeof RANGES];
    if (value !== undefined) requireNumber(name, value, range);
  }
  for (const [key, bias] of Object.entries(options.logitBias ?? {})) {
    const id = Number(key);
    if (!isCount(id) || id >= vocabSize || key.trim() === '') {
      throw new OptionError({
        what: 'option logitBias',
        given: `token ${show(key)}`,
        expected:
          vocabSize === Number.MAX_SAFE_INTEGER
            ? 'a token id'
            : `a token id from 0 to ${vocabSize - 1}, the model's vocabulary`,
        todo: 'Encode the text with the tokenizer to learn its token ids.',
      });
    }
    requireNumber(`logitBias of token ${id}`, bias, {
      test: (value) => value < Number.POSITIVE_INFINITY,
      expected: 'a finite number, or -Infinity to forbid the token',
      todo: 'Use values between -100 and 100.',
    });
  }
}

const generateNames: Readonly<Record<keyof GenerateOptions, true>> = {
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  presencePenalty: true,
  frequencyPenalty: true,
  penaltyLastTokens: true,
  logitBias: true,
  seed: true,
  maxTokens: true,
  stop: true,
  ignoreEos: true,
  priority: true,
  shareKey: true,
  logprobs: true,
  prediction: true,
  promptLookup: true,
  draft: true,
  adapter: true,
  grammar: true,
  signal: true,
  onQueue: true,
  onPrefill: true,
};

/** Throws OptionError for the first option that is none, and names the one that was probably meant. */
export function checkNames(options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError({
      what: 'options',
      given: show(options),
      expected: 'an object',
      todo: 'Leave them out for the defaults.',
    });
  }
  const plain = (name: string): string => name.replace(/[^a-z]/gi, '').toLowerCase();
  for (const [name, value] of Object.entries(options)) {
    if (names.includes(name) || value === undefined) continue;
    const near = names.find((known) => plain(known) === plain(name));
    throw new OptionError({
      what: `option "${name}"`,
      given: show(value),
      expected: `one of ${names.join(', ')}`,
      todo: near === undefined ? 'Leave it out, or check its spelling.' : `Did you mean ${near}?`,
    });
  }
}

/**
 * Checks all options of a generation.
 *
 * @throws OptionError for the first value out of its range
 */
export function validateGenerate(options: GenerateOptions, vocabSize?: number): void {
  checkNames(options, Object.keys(generateNames));
  validateSampling(options, vocabSize);
  validateMaxTokens(options);
  if (options.logprobs !== undefined) {
    requireNumber('logprobs', options.logprobs, {
      test: (value) => isCount(value) && value <= 20,
      expected: 'an integer from 0 to 20',
      todo: 'Use, say, 5, or leave it out for no log-probabilities.',
    });
  }
  requirePriority(options.priority);
  if (Array.isArray(options.prediction)) checkIds(options.prediction, vocabSize, 'option prediction');
  stopStrings(options.stop);
}

/** Checks what holds where a generation says nothing. Throws OptionError for the first value out of its range. */
export function validateDefaults(options: GenerateDefaults, vocabSize: number): void {
  checkNames(options, [...samplingNames, 'maxTokens']);
  validateSampling(options, vocabSize);
  validateMaxTokens(options);
}

function validateMaxTokens({ maxTokens }: GenerateDefaults): void {
  if (maxTokens === undefined) return;
  requireNumber('maxTokens', maxTokens, {
    test: (value) => isCount(value) && value > 0,
    expected: 'an integer of at least 1',
    todo: 'Use, say, 128.',
  });
}

/** Throws OptionError for a priority that is no number. */
export function requirePriority(priority: number | undefined): void {
  if (priority === undefined) return;
  requireNumber('priority', priority, {
    test: Number.isFinite,
    expected: 'a finite number',
    todo: 'Use 0, or more to go first.',
  });
}

/** Throws OptionError for the first id outside the vocabulary. */
export function checkIds(ids: readonly number[], vocabSize = Number.MAX_SAFE_INTEGER, what = 'ids'): void {
  const wrong = ids.find((id) => !isCount(id) || id >= vocabSize);
  if (wrong === undefined) return;
  throw new OptionError({
    what,
    given: `token id ${wrong}`,
    expected: `whole numbers from 0 to ${vocabSize - 1}`,
    todo: 'Take ids from this model’s own tokenizer.',
  });
}

/** The stop strings as a list. Throws OptionError for an empty one or one with half a character. */
export function stopStrings(stop: GenerateOptions['stop']): readonly string[] {
  if (stop === undefined) return [];
  const list: readonly unknown[] = typeof stop === 'string' ? [stop] : Array.isArray(stop) ? stop : [stop];
  return list.map((item) => {
    if (typeof item === 'string' && item !== '' && !/\p{Surrogate}/u.test(item)) return item;
    throw new OptionError({
      what: 'option stop',
      given: show(item),
      expected: 'a string of at least one character, or several of them',
      todo: 'Leave it out to generate up to the end token or maxTokens.',
    });
  });
}
