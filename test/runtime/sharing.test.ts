/** What is cached of one owner's prompts is nothing to others: neither the count nor the speed tells what was said. */
import { expect, it, onTestFinished } from 'vitest';
import { load } from '#src/index.js';

it('shares the keys and values of a prompt with nobody else', async () => {
  const engine = await load(undefined, { workers: 1 });
  onTestFinished(() => engine.close());
  const cachedFor = async (shareKey: string): Promise<number> => {
    const prompt = 'export function sum(values: number[]): number { '.repeat(8);
    for await (const chunk of engine.generate(prompt, { maxTokens: 1, shareKey }))
      if (chunk.done) return chunk.timings.cachedTokens;
    return -1;
  };
  expect(await cachedFor('alice')).toBe(0);
  expect(await cachedFor('alice')).toBeGreaterThan(32);
  expect(await cachedFor('bob')).toBe(0);
  expect(await cachedFor('bob')).toBeGreaterThan(32);
});
