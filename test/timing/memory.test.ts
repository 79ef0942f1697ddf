/** What a GPU's memory leaves for the cache, against sizes that vLLM writes into its log. */
import { describe, expect, it } from 'vitest';
import { findGpu } from '#src/machine/gpus.js';
import { cardOfHubName, loadCard } from '#src/platform/node/cards.js';
import { plan } from '#src/timing/estimate.js';

const h100 = findGpu('h100')!;
const SHORT = { promptTokens: 512, outputTokens: 512, concurrency: 1, weightBits: 8 };

describe('KV cache on GPUs', () => {
  it.each([
    ['llama-3.1-70b', 1, 0.98, 22_096],
    ['qwen3-235b-a22b', 4, 0.9, 178_880],
  ] as const)(
    '%s on %i H100 with %f of the memory holds what vLLM logs',
    (name, count, memoryShare, logged) => {
      const { kvTokens } = plan(loadCard(name), h100, { ...SHORT, count, memoryShare });
      expect(Math.abs(kvTokens / logged - 1)).toBeLessThan(0.05);
    },
  );

  it('holds Qwen2.5-72B in 16 bits on two H100, as published', () => {
    const result = plan(cardOfHubName('Qwen/Qwen2.5-72B-Instruct'), h100, {
      ...SHORT,
      weightBits: 16,
      count: 2,
      tensorParallel: 2,
    });
    expect(result.maxUsers).toBeGreaterThanOrEqual(1);
  });

  it('says how much is kept when something does not fit, and refuses shares that are none', () => {
    const ask = (memoryShare: number) => () =>
      plan(loadCard('llama-3.1-70b'), h100, { ...SHORT, count: 1, tensorParallel: 1, memoryShare });
    expect(ask(0.85)).toThrow(/kept for activations.*--memory-share/);
    expect(ask(1.2)).toThrow(/memory share: got 1\.2/);
  });
});
