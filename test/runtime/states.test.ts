/** Models with recurrent states answer as ever: in any company, cut anywhere, from cached beginnings, with drafts. */
import { describe, expect, it } from 'vitest';
import type { WaferEngine } from '#src/runtime/engine/engine.js';
import type { GenerateEnd, GenerateOptions, LoadOptions } from '#src/runtime/types.js';
import { type SmallModel, smallModel } from '../helpers/architecture.js';
import { bitsOf, endOf, withEngine } from '../helpers/engine.js';
import { temporaryFile } from '../helpers/tiny-model.js';

const models: readonly SmallModel[] = [
  {
    architecture: 'lfm2',
    has: /ffn_gate\.weight/,
    keys: {
      block_count: 3,
      context_length: 256,
      'attention.head_count_kv': [0, 2, 0],
      'shortconv.l_cache': 3,
    },
  },
  {
    architecture: 'mamba2',
    keys: {
      context_length: 256,
      'ssm.inner_size': 96,
      'ssm.conv_kernel': 4,
      'ssm.state_size': 12,
      'ssm.time_step_rank': 6,
      'ssm.group_count': 2,
    },
  },
  {
    architecture: 'qwen35',
    has: /ffn_gate\.weight/,
    keys: {
      context_length: 256,
      'ssm.inner_size': 96,
      'ssm.conv_kernel': 4,
      'ssm.state_size': 16,
      'ssm.time_step_rank': 6,
      'ssm.group_count': 2,
      'attention.recurrent_layers': [1, 0],
    },
  },
];

const usual: LoadOptions = { workers: 2, context: 256, kvTokens: 2048, maxRunning: 6, prefillChunk: 16 };
const greedy: GenerateOptions = { temperature: 0, logitBias: { 1: -1000, 2: -1000 } };
const prompt = (seed: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((i * i * 7 + i * seed * 13 + seed) % 250));

const answer = (
  engine: WaferEngine,
  ids: readonly number[],
  own: GenerateOptions = {},
): Promise<GenerateEnd> => endOf(engine.generate(ids, { ...greedy, maxTokens: 40, ...own }));

describe.each(models)('$architecture', (model) => {
  const file = async (): Promise<string> => temporaryFile(await smallModel(model));
  const prompts = [70, 33, 5, 1, 96, 40, 64].map((count, i) => prompt(i + 1, count));
  const answersAlone = (path: string): Promise<(readonly number[])[]> =>
    withEngine(path, { ...usual, workers: 1, maxRunning: 1, prefillChunk: 128 }, async (engine) => {
      const answers: (readonly number[])[] = [];
      for (const ids of prompts) answers.push((await answer(engine, ids)).ids);
      return answers;
    });

  it('answers the same alone, in company, and when it was pushed out', async () => {
    const path = await file();
    const expected = await answersAlone(path);
    const scarce = { ...usual, workers: 3, prefillChunk: 7, kvTokens: 352 };
    for (const options of [usual, scarce]) {
      await withEngine(path, options, async (engine) => {
        const ends = await Promise.all(prompts.map((ids) => answer(engine, ids)));
        expect(ends.map(({ ids }) => ids)).toEqual(expected);
        expect(engine.stats().kvPages.used).toBe(0);
        if (options === scarce) expect(engine.stats().preemptions).toBeGreaterThan(0);
      });
    }
  });

  it('goes on from a cached beginning with the same bits', async () => {
    const path = await file();
    const first = prompt(9, 70);
    await withEngine(path, usual, async (engine) => {
      const { ids } = await answer(engine, first);
      const longer = [...first, ...ids, ...prompt(3, 9)];
      const fresh = await withEngine(path, { ...usual, prefillChunk: 64 }, (other) => other.logits(longer));
      expect(bitsOf(await engine.logits(longer))).toEqual(bitsOf(fresh));
      const next = await answer(engine, longer);
      // The newest whole page of what has been computed.
      expect(next.timings.cachedTokens).toBe(Math.floor((longer.length - 1) / 32) * 32);
      expect((await answer(engine, first)).ids).toEqual(ids);
    });
  });

  it('takes wrong drafts back', async () => {
    const path = await file();
    const [ids] = prompts;
    const alone = await answersAlone(path);
    const [expected] = alone;
    // Right, then wrong, then right again.
    const prediction = expected!.map((id, i) => (i % 11 === 10 ? (id === 7 ? 8 : 7) : id));
    await withEngine(path, usual, async (engine) => {
      const drafted = await answer(engine, ids!, { prediction, promptLookup: true });
      expect(drafted.ids).toEqual(expected);
      expect(drafted.timings.acceptedTokens).toBeGreaterThan(5);
      expect(drafted.timings.draftTokens).toBeGreaterThan(drafted.timings.acceptedTokens);
      const all = await Promise.all(
        prompts.map((other, i) => answer(engine, other, i % 2 ? {} : { prediction })),
      );
      expect(all.map((end) => end.ids)).toEqual(alone);
    });
  });
});
