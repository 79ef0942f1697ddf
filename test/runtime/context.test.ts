/** Past the trained context: stretched positions, and memory that grows as predicted. */
import { expect, it } from 'vitest';
import { OptionError } from '#src/core/errors.js';
import { load } from '#src/index.js';
import type { LoadOptions } from '#src/runtime/types.js';
import { smallModel } from '../helpers/architecture.js';
import { bitsOf, endOf, withEngine } from '../helpers/engine.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const trained = 512;
const prompt = Array.from({ length: 60 }, (_, i) => 3 + ((i * 37) % 300));

it('a context past the trained one needs a stretch, and says so', async () => {
  const path = temporaryFile(tinyModel());
  await expect(load(path, { context: 2 * trained })).rejects.toThrow(/ropeScaling stretches it/);
  for (const ropeScaling of [
    { type: 'linear', factor: 0.5 },
    { type: 'yarn', factor: Number.NaN },
    { type: 'ntk' as 'yarn', factor: 2 },
  ] as const) {
    await expect(load(path, { ropeScaling })).rejects.toThrow(OptionError);
  }
  await expect(
    load(path, { context: 4 * trained, ropeScaling: { type: 'linear', factor: 2 } }),
  ).rejects.toThrow(/trained context stretched/);
});

it('the option and the same stretch in the file give the same logits, another stretch gives others', async () => {
  const logits = async (path: string, options: LoadOptions = {}) =>
    await withEngine(path, options, async (engine) => bitsOf(await engine.logits(prompt)));
  const plain = temporaryFile(tinyModel());
  const seen = [await logits(plain)];
  for (const type of ['linear', 'yarn'] as const) {
    const metadata = {
      'llama.rope.scaling.type': type,
      'llama.rope.scaling.factor': 4,
      'llama.rope.scaling.original_context_length': trained,
      'llama.context_length': 4 * trained,
    };
    const byOption = await logits(plain, { ropeScaling: { type, factor: 4 } });
    expect(await logits(temporaryFile(tinyModel({ metadata })))).toEqual(byOption);
    for (const other of seen) expect(byOption).not.toEqual(other);
    seen.push(byOption);
  }
});

it('a context of 128k tokens: a long prompt, an answer, and the KV cache has the size that was predicted', async () => {
  const context = 131072;
  const shape = { hiddenSize: 16, numHiddenLayers: 1, numAttentionHeads: 1, numKeyValueHeads: 1 };
  const path = temporaryFile(tinyModel({ ...shape, intermediateSize: 32, weightType: 'F32' }));
  const options = {
    context,
    ropeScaling: { type: 'yarn', factor: context / trained },
    prefillChunk: 256,
  } as const;
  await withEngine(path, options, async (engine) => {
    // Keys and values, one head of 16 in int16 and its scale.
    expect(engine.info.kvBytes).toBe(context * 2 * (16 * 2 + 2));
    const long = Array.from({ length: 8000 }, (_, i) => 3 + ((i * 7919) % 300));
    const end = await endOf(engine.generate(long, { maxTokens: 40, ignoreEos: true }));
    expect(end.ids).toHaveLength(40);
    expect(engine.stats().kvPages).toMatchObject({ total: context / 32, used: 0 });
    const tooLong = new Array<number>(context + 1).fill(5);
    await expect(engine.logits(tooLong)).rejects.toThrow(OptionError);
  });
});

it('an indexer that keeps some positions away bounds the context', async () => {
  const sparse = (top: number) =>
    smallModel({
      architecture: 'deepseek32',
      has: /ffn_gate\.weight|attn_k_b/,
      keys: {
        context_length: 4096,
        'attention.kv_lora_rank': 24,
        'attention.key_length_mla': 24,
        'attention.value_length_mla': 12,
        'rope.dimension_count': 8,
        'attention.indexer.top_k': top,
      },
    });
  const bytes = await sparse(1500);
  await withEngine(bytes, { workers: 1 }, async ({ info }) => {
    expect(info.context).toBe(1500);
  });
  await expect(load(bytes, { context: 1501 })).rejects.toThrow(/as far as its indexer keeps all positions/);
  await expect(sparse(100)).rejects.toThrow(/attention to 100 of 4096 positions/);
});
