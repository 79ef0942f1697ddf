/** Many completions of one engine, as many at a time as it runs side by side. */
import { Rng } from '../core/rng.js';
import type { Engine, GenerateEnd, GenerateOptions, Prompt } from '../runtime/types.js';

/** Generations side by side: what an engine is loaded with. */
export const atOnce = 8;

/** The results of `work` on every item, in the order of the items. */
export async function mapAtOnce<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  onDone: (done: number, total: number) => void,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index]!, index);
      onDone(++done, items.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}

/** The whole of one generation. */
export async function complete(
  engine: Engine,
  prompt: Prompt,
  options: GenerateOptions,
): Promise<GenerateEnd> {
  for await (const chunk of engine.generate(prompt, options)) if (chunk.done) return chunk;
  throw new Error('the generation ended without its last piece');
}

/** A seed of its own for every drawn text, from the run's seed. */
export function seedOf(seed: number, ...places: readonly number[]): number {
  let mixed = seed;
  for (const place of places) mixed = new Rng(mixed ^ Math.imul(place + 1, 0x9e3779b1)).nextUint32();
  return mixed;
}
