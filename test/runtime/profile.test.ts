/** What the time of steps is spent on, where a model is loaded to say so. */
import { expect, it } from 'vitest';
import { load } from '#src/index.js';
import { profileParts } from '#src/runtime/types.js';
import { endOf } from '../helpers/engine.js';

const asked = { maxTokens: 8, ignoreEos: true };

it('is told of an engine that was loaded with it, and covers its steps', async () => {
  await using engine = await load(undefined, { profile: true, workers: 2 });
  const { timings } = await endOf(engine.generate('const a = ', asked));
  const { single, several } = timings.profile!;
  // The first token comes with the prompt.
  expect([single.steps, several.steps]).toEqual([7, 1]);
  expect(single.ms.products).toBeGreaterThan(0);
  expect(several.ms.attention).toBeGreaterThan(0);
  expect(single.ms.states).toBe(0);
  const total = profileParts.reduce((sum, part) => sum + single.ms[part], 0);
  expect(total).toBeGreaterThan(0.5 * timings.decodeMs);
  expect(total).toBeLessThan(timings.decodeMs + timings.prefillMs);
});

it('is not told otherwise', async () => {
  await using engine = await load(undefined, { workers: 1 });
  const { timings } = await endOf(engine.generate('const a = ', asked));
  expect(timings.profile).toBeUndefined();
});
