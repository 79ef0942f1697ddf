/** A fault in one request's own parts ends that request in a typed error, and no other. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { ModelError, OptionError, WaferflowError } from '#src/core/errors.js';
import { startAlone } from '#src/platform/browser/crew.js';
import { openFileSource } from '#src/platform/node/file-source.js';
import type { WaferEngine } from '#src/runtime/engine/engine.js';
import { StopMatcher } from '#src/runtime/engine/stop.js';
import { Pushdown } from '#src/runtime/grammar/pushdown.js';
import { Drafter } from '#src/runtime/leader/draft.js';
import { Sampler } from '#src/runtime/leader/sampler.js';
import { openEngine } from '#src/runtime/open.js';
import type { GenerateOptions } from '#src/runtime/types.js';
import { endOf, withEngine } from '../helpers/engine.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

afterEach(() => vi.restoreAllMocks());

/** An engine on this very thread, where its parts can be made to fail. */
async function engineHere(): Promise<WaferEngine> {
  const source = await openFileSource(temporaryFile(tinyModel()));
  onTestFinished(() => source.close());
  const kernels = new URL('../../dist/kernels/kernels-unshared.wasm', import.meta.url);
  const options = { context: 128, kvTokens: 1024, maxRunning: 6 };
  return await openEngine(source, options, {
    cores: 1,
    isShared: false,
    kernels: { modes: ['simd'], read: async () => new Uint8Array(await readFile(kernels)) },
    startCrew: startAlone,
  });
}

const endless: GenerateOptions = {
  maxTokens: 12,
  ignoreEos: true,
  logitBias: { 2: Number.NEGATIVE_INFINITY },
};
const requests: readonly GenerateOptions[] = [
  endless,
  { ...endless, temperature: 1, seed: 1 },
  { ...endless, promptLookup: true },
  { ...endless, prediction: 'the rain in spain', temperature: 1, seed: 2 },
  { ...endless, stop: ['never in this text', 'nor this'], temperature: 1, seed: 3 },
  { maxTokens: 12, grammar: { type: 'regex', pattern: '[a-z ]{5,20}' }, temperature: 1, seed: 4 },
];

interface Part {
  readonly prototype: object;
  readonly method: string;
}

const parts: readonly Part[] = [
  { prototype: Sampler.prototype, method: 'sample' },
  { prototype: Sampler.prototype, method: 'accept' },
  { prototype: Pushdown.prototype, method: 'mask' },
  { prototype: Pushdown.prototype, method: 'next' },
  { prototype: Drafter.prototype, method: 'draft' },
  { prototype: Drafter.prototype, method: 'push' },
  { prototype: Drafter.prototype, method: 'learn' },
  { prototype: StopMatcher.prototype, method: 'push' },
];
const faults: readonly unknown[] = [
  new TypeError("Cannot read properties of null (reading '0')"),
  new RangeError('Maximum call stack size exceeded'),
  new OptionError({ what: 'a', given: 'b', expected: 'c', todo: 'd' }),
  'a string',
  null,
];

/** Throws `fault` in call number `call` of a method, once. */
function breakOnce({ prototype, method }: Part, call: number, fault: unknown): () => boolean {
  const object = prototype as Record<string, (...args: unknown[]) => unknown>;
  const whole = object[method]!;
  let calls = 0;
  vi.spyOn(object, method).mockImplementation(function (this: unknown, ...args: unknown[]) {
    if (calls++ === call) throw fault;
    return whole.apply(this, args);
  });
  return () => calls > call;
}

const texts = (engine: WaferEngine): Promise<PromiseSettledResult<string>[]> =>
  Promise.allSettled(
    requests.map(async (options, i) => (await endOf(engine.generate(`request ${i} says`, options))).text),
  );

it('a part that throws anywhere ends its own request in an error with words, and the others say the same', async () => {
  const engine = await engineHere();
  const expected = await texts(engine);
  expect(expected.filter(({ status }) => status === 'rejected')).toEqual([]);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...parts),
      fc.nat(20),
      fc.constantFrom(...faults),
      async (part, call, fault) => {
        const hasThrown = breakOnce(part, call, fault);
        const got = await texts(engine);
        vi.restoreAllMocks();
        const failed = got.filter((each) => each.status === 'rejected');
        expect(failed.length).toBe(hasThrown() ? 1 : 0);
        for (const { reason } of failed) expect(reason).toBeInstanceOf(WaferflowError);
        for (const [i, each] of got.entries())
          if (each.status === 'fulfilled') expect(each).toEqual(expected[i]);
        expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, kvPages: { used: 0 } });
      },
    ),
    { numRuns: 60 },
  );
  expect(await texts(engine)).toEqual(expected);
  await engine.close();
});

it('weights that are no numbers end a request in a ModelError, greedy or not', async () => {
  const bytes = tinyModel();
  // The last tensor's last numbers: all layers pass through it.
  const words = new Uint32Array(bytes.buffer, bytes.byteLength - 64 * 160 * 4);
  words.fill(0x7fc00000);
  await withEngine(temporaryFile(bytes), { workers: 2, context: 64 }, async (engine) => {
    for (const temperature of [0, 1])
      await expect(endOf(engine.generate('a', { temperature }))).rejects.toThrow(ModelError);
  });
});

it('forbidding every token is an option that cannot be', async () => {
  await withEngine(temporaryFile(tinyModel()), { workers: 1, context: 64 }, async (engine) => {
    const logitBias = Object.fromEntries(
      Array.from({ length: 320 }, (_, id) => [id, Number.NEGATIVE_INFINITY]),
    );
    for (const temperature of [0, 1])
      await expect(endOf(engine.generate('a', { temperature, logitBias }))).rejects.toThrow(OptionError);
  });
});

it('rows that pad the vocabulary are never chosen, with a grammar and without', async () => {
  const padded = tinyModel({ vocabSize: 320, metadata: tokensOf(300) });
  await withEngine(temporaryFile(padded), { workers: 2, context: 128 }, async (engine) => {
    const none = Object.fromEntries(Array.from({ length: 280 }, (_, id) => [id, -50]));
    const grammar = { type: 'regex', pattern: '(.|\n)*' } as const;
    for (const options of [{}, { logprobs: 20 }, { grammar }])
      for (const temperature of [0, 2])
        for (let seed = 0; seed < 4; seed++) {
          const end = await endOf(
            engine.generate('a', { ...options, temperature, seed, logitBias: none, maxTokens: 60 }),
          );
          expect(Math.max(...end.ids)).toBeLessThan(300);
        }
  });
});

/** The metadata of a random model's tokenizer with fewer tokens than its embedding has rows. */
function tokensOf(count: number) {
  const names = ['<unk>', '<s>', '</s>'];
  for (let byte = 0; byte < 256; byte++)
    names.push(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  while (names.length < count) names.push(`t${names.length}`);
  return {
    'tokenizer.ggml.tokens': names,
    'tokenizer.ggml.scores': Float32Array.from(names, (_, id) => -id),
    'tokenizer.ggml.token_type': names.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
  };
}
