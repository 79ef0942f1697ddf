/** The numeric contract: logits depend on the plan and the model, on nothing else. */
import { describe, expect, it } from 'vitest';
import { kernelBuilds } from '#src/platform/node/load.js';
import { tryBuilds } from '#src/runtime/program/kernels.js';
import type { LoadOptions } from '#src/runtime/types.js';
import { bitsOf, withEngine } from '../helpers/engine.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const prompt = Array.from({ length: 70 }, (_, i) => 3 + ((i * 37) % 300));
const types = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0'] as const;

/** Logits after the whole prompt, and after a decode step at its end. */
async function logits(path: string, options: LoadOptions): Promise<Uint32Array[]> {
  return await withEngine(path, options, async (engine) => [
    bitsOf(await engine.logits(prompt)),
    bitsOf(await engine.logits(prompt.slice(0, 33))),
  ]);
}

describe.each(types)('%s', (weightType) => {
  it('logits are bit-identical for 1, 2, 3 and 4 workers and prefill chunks of 1, 7 and 64', async () => {
    const path = temporaryFile(tinyModel({ weightType }));
    const expected = await logits(path, { workers: 1, prefillChunk: 64 });
    expect(expected[0]!.some((bits) => bits !== 0)).toBe(true);
    for (const workers of [1, 2, 3, 4]) {
      for (const prefillChunk of [1, 7, 64]) {
        expect(
          await logits(path, { workers, prefillChunk }),
          `${workers} workers, chunk ${prefillChunk}`,
        ).toEqual(expected);
      }
    }
  });

  it('a rectangle that cuts sums into tiles gives its own bits, the same for every worker count and chunk', async () => {
    const path = temporaryFile(tinyModel({ weightType }));
    const rectangle = { width: 3, height: 5 };
    const expected = await logits(path, { workers: 1, prefillChunk: 64, rectangle });
    expect(await logits(path, { workers: 3, prefillChunk: 7, rectangle })).toEqual(expected);
    const whole = await logits(path, { workers: 1, kvType: 'f32' });
    expect(expected).not.toEqual(whole);
    // The same numbers up to rounding: the order of sums differs, not what is summed.
    const [a, b] = [expected, whole].map((bits) => new Float32Array(bits[0]!.slice().buffer));
    const largest = Math.max(...a!.map(Math.abs));
    // Quantised activations can fall on the other side of a rounding step.
    const tolerance = weightType.startsWith('Q') ? 2e-2 : 1e-4;
    expect(Math.max(...a!.map((value, i) => Math.abs(value - b![i]!)))).toBeLessThan(tolerance * largest);
  });
});

it.each(['Q4_0', 'Q8_0'] as const)('every way to multiply gives the same bits in %s', async (weightType) => {
  const path = temporaryFile(tinyModel({ weightType }));
  const { exact } = await tryBuilds(kernelBuilds);
  const expected = await logits(path, { workers: 2, simd: 'simd' });
  for (const simd of exact) expect(await logits(path, { workers: 2, simd }), simd).toEqual(expected);
});

it('a KV cache of f32 gives the same bits for every worker count and chunk, near those of int16', async () => {
  const path = temporaryFile(tinyModel({ weightType: 'F32' }));
  const expected = await logits(path, { workers: 1, prefillChunk: 64, kvType: 'f32' });
  expect(await logits(path, { workers: 2, prefillChunk: 7, kvType: 'f32' })).toEqual(expected);
  const int16 = await logits(path, { workers: 1 });
  expect(expected).not.toEqual(int16);
  const [a, b] = [expected, int16].map((bits) => new Float32Array(bits[0]!.slice().buffer));
  const largest = Math.max(...a!.map(Math.abs));
  expect(Math.max(...a!.map((value, i) => Math.abs(value - b![i]!)))).toBeLessThan(1e-3 * largest);
});

it('multi-query attention and as many KV heads as heads run, heads of odd sizes too', async () => {
  for (const heads of [
    { numAttentionHeads: 4, numKeyValueHeads: 1 },
    { numAttentionHeads: 4, numKeyValueHeads: 4 },
    { numAttentionHeads: 6, numKeyValueHeads: 3, hiddenSize: 60, weightType: 'F16' as const },
  ]) {
    const path = temporaryFile(tinyModel({ weightType: 'F32', ...heads }));
    expect(await logits(path, { workers: 2, prefillChunk: 7 })).toEqual(await logits(path, { workers: 1 }));
  }
});
