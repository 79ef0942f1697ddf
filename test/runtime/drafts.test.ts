/** Speculation across models: the text is that of the model alone, whatever the other one guesses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, type GenerateEnd, type GenerateOptions, load } from '#src/index.js';
import { tinyModel } from '../helpers/tiny-model.js';

const prompt = 'export function add(';

async function endOf(engine: Engine, options: GenerateOptions): Promise<GenerateEnd> {
  for await (const chunk of engine.generate(prompt, { ignoreEos: true, ...options }))
    if (chunk.done) return chunk;
  throw new Error('no end');
}

describe('a draft by the model itself', () => {
  let engine: Engine;
  let draft: Engine;

  beforeAll(async () => {
    [engine, draft] = await Promise.all([load(undefined, { workers: 1 }), load(undefined, { workers: 2 })]);
  });
  afterAll(() => Promise.all([engine.close(), draft.close()]));

  it('is right in all of it, and each saves a step', async () => {
    const options = { temperature: 0, maxTokens: 120 };
    const alone = await endOf(engine, options);
    const { steps } = engine.stats();
    const checked = await endOf(engine, { ...options, draft });
    expect(checked.ids).toEqual(alone.ids);
    // How many there are depends on what they are worth here.
    expect(checked.timings.draftTokens).toBeGreaterThan(8);
    expect(checked.timings.acceptedTokens).toBe(checked.timings.draftTokens);
    expect(engine.stats().steps - steps).toBe(120 - checked.timings.acceptedTokens);
    await expect.poll(() => draft.stats()).toMatchObject({ running: 0, kvPages: { used: 0 } });
  });

  it.each<[string, GenerateOptions]>([
    ['sampled', { temperature: 1, seed: 3, maxTokens: 80 }],
    ['with penalties', { temperature: 0, frequencyPenalty: 0.5, maxTokens: 80 }],
    ['bound to a grammar', { temperature: 1, seed: 5, grammar: { type: 'json' }, maxTokens: 40 }],
    ['up to the end of the context', { temperature: 0, maxTokens: 5000 }],
    ['up to a stop string', { temperature: 0, stop: 'return', maxTokens: 200 }],
    ['with log-probabilities', { temperature: 0, logprobs: 2, maxTokens: 20 }],
  ])(
    'changes no text that is %s',
    async (_, options) => {
      const { ids, text, finishReason } = await endOf(engine, options);
      expect(await endOf(engine, { ...options, draft })).toMatchObject({ ids, text, finishReason });
    },
    60_000,
  );

  it('changes none of several side by side', async () => {
    const options = [1, 2, 3].map((seed) => ({ temperature: 1, seed, maxTokens: 40 }));
    const together = await Promise.all(options.map((one) => endOf(engine, { ...one, draft })));
    for (const [i, one] of options.entries())
      expect(together[i]!.ids).toEqual((await endOf(engine, one)).ids);
  });

  it('leaves nothing behind where the reader goes', async () => {
    for await (const chunk of engine.generate(prompt, { draft, maxTokens: 400, ignoreEos: true }))
      if (!chunk.done) break;
    await expect.poll(() => [engine.stats().running, draft.stats().running]).toEqual([0, 0]);
  });
});

describe('a draft by another model', () => {
  it('that is always wrong, or closed while it drafts, changes nothing', async () => {
    const vocabulary = { vocabSize: 320 };
    const [engine, draft] = await Promise.all(
      [1, 2].map((seed) => load(tinyModel({ ...vocabulary, seed }), { workers: 1 })),
    );
    const options = { temperature: 0, maxTokens: 60 };
    const alone = await endOf(engine!, options);
    const checked = await endOf(engine!, { ...options, draft: draft! });
    expect(checked.ids).toEqual(alone.ids);
    expect(checked.timings.acceptedTokens).toBeLessThan(checked.timings.draftTokens);
    const ids: number[] = [];
    for await (const chunk of engine!.generate(prompt, { ...options, ignoreEos: true, draft: draft! })) {
      if (chunk.done) expect(chunk.ids).toEqual(alone.ids);
      else ids.push(...chunk.ids);
      await draft!.close();
    }
    expect(ids).toEqual(alone.ids);
    await engine!.close();
  });

  it('of other tokens is refused', async () => {
    const [engine, draft] = await Promise.all(
      [320, 330].map((vocabSize) => load(tinyModel({ vocabSize }), { workers: 1 })),
    );
    expect(() => engine!.generate('a', { draft: draft! })).toThrow(
      /option draft: got .* a model of 330 tokens/,
    );
    await Promise.all([engine!.close(), draft!.close()]);
  });
});
