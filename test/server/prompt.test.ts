/** How long a text is at least, found out without a look at every token where that would tell nothing. */
import { expect, it, vi } from 'vitest';
import { fewestTokens } from '#src/server/road/prompt.js';
import { tokenizerOf } from '../helpers/gguf.js';
import { tinyModel } from '../helpers/tiny-model.js';

it('looks at no token of the vocabulary for a text that fits, and at each once for those that may not', async () => {
  const tokenizer = await tokenizerOf(tinyModel());
  const bytesOf = vi.spyOn(tokenizer, 'bytesOf');
  expect(fewestTokens(tokenizer, 6400, 100)).toBe(0);
  // The first request after a load would wait for it.
  expect(bytesOf).not.toHaveBeenCalled();
  expect(fewestTokens(tokenizer, 6464, 100)).toBe(101);
  expect(fewestTokens(tokenizer, 12_800, 100)).toBe(200);
  expect(bytesOf).toHaveBeenCalledTimes(tokenizer.vocabSize);
});
