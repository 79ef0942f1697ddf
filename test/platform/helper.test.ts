/** A helper thread within its bounds and beyond: what takes too long or too much memory ends it, and no other work. */
import { afterAll, expect, it } from 'vitest';
import { compileGrammar } from '#src/platform/node/grammar-helper.js';
import { Helper } from '#src/platform/node/helper.js';

const helper = new Helper<number | null, number>({
  name: 'test',
  entry: new URL('./helper-entry.mjs', import.meta.url),
  mostMs: 4_000,
  memoryMb: 64,
  tooMuch: (given) => new Error(given),
});
afterAll(() => helper.end());

it('does what takes as long as it may, refuses what takes longer, and goes on', async () => {
  const asked = [1, 60_000, 2, 3].map((ms, i) => helper.ask(ms, { owner: `${i}` }));
  const settled = await Promise.allSettled(asked);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect((settled[1] as PromiseRejectedResult).reason).toMatchObject({ message: 'one that takes too long' });
});

it('refuses what takes too much memory, and goes on', async () => {
  await expect(helper.ask(null)).rejects.toThrow('one that breaks its helper');
  expect(await helper.ask(1)).toBe(1);
});

it('lets 32 grammars wait, and none more', async () => {
  const asked = Array.from({ length: 34 }, (_, i) =>
    compileGrammar({ type: 'regex', pattern: `a{${i + 1}}` }),
  );
  const settled = await Promise.allSettled(asked);
  // The first is at work.
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(33);
  expect((settled[33] as PromiseRejectedResult).reason).toMatchObject({
    message: expect.stringContaining('32 others that wait'),
  });
});
