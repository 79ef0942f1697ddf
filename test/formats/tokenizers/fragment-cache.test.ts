import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { FragmentCache } from '#src/formats/tokenizers/fragment-cache.js';
import { localModels } from '#src/platform/node/models.js';
import { tokenizerOfFile } from '../../helpers/gguf.js';

const lengths = (text: string): number[] => [text.length];

it('encodes a long text once, a short one always', () => {
  const cache = new FragmentCache();
  const encode = vi.fn(lengths);
  const long = 'a'.repeat(1000);
  expect([cache.get(long, encode), cache.get(`${long}`, encode)]).toEqual([[1000], [1000]]);
  expect(encode).toHaveBeenCalledOnce();
  cache.get('short', encode);
  cache.get('short', encode);
  expect(encode).toHaveBeenCalledTimes(3);
});

it('is bounded, and forgets first what was not used for longest', () => {
  const cache = new FragmentCache();
  const text = (i: number): string => `${i} `.padEnd(100_000, 'x');
  for (let i = 0; i < 100; i++) {
    cache.get(text(i), lengths);
    cache.get(text(0), lengths);
    expect(cache.length).toBeLessThanOrEqual(4_000_000);
  }
  const encode = vi.fn(lengths);
  cache.get(text(0), encode);
  cache.get(text(99), encode);
  expect(encode).not.toHaveBeenCalled();
  cache.get(text(1), encode);
  expect(encode).toHaveBeenCalledOnce();
  cache.get('y'.repeat(5_000_000), lengths);
  expect(cache.length).toBeLessThanOrEqual(4_000_000);
});

it('changes no id of any text', async () => {
  const path = localModels()[0]!.path;
  const [seasoned, fresh] = [await tokenizerOfFile(path), () => tokenizerOfFile(path)];
  const part = fc.constantFrom(
    'const a = [1, 2];\n',
    '  \u00e9t\u00e9 ',
    '\ud83d\ude00',
    '\ud800',
    'x'.repeat(40),
  );
  const texts = fc.array(part, { minLength: 20, maxLength: 60 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 4 }), async (list) => {
      const other = await fresh();
      for (const text of [...list, ...list]) expect(seasoned.encode(text)).toEqual(other.encode(text));
    }),
    { numRuns: 10 },
  );
});
