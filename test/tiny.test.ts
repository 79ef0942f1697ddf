/** The smoke test before a commit: `npm run test:tiny`. */
import { expect, it } from 'vitest';
import { load } from '#src/index.js';
import { temporaryFile, tinyModel } from './helpers/tiny-model.js';

it('loads a model, generates, scores what it generated, and closes', async () => {
  const engine = await load(temporaryFile(tinyModel()), { workers: 2 });
  const ids: number[] = [];
  let promptIds: readonly number[] = [];
  for await (const chunk of engine.generate('hello', { maxTokens: 8 })) {
    if (chunk.done) promptIds = chunk.promptIds;
    else ids.push(...chunk.ids);
  }
  expect(ids).toHaveLength(8);
  const { argmax } = await engine.score([...promptIds, ...ids]);
  expect(argmax.slice(promptIds.length - 1, -1)).toEqual(ids);
  await engine.close();
});
