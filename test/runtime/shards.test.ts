/** A memory for each run of layers: the same bits as in one, whatever lies where, and nothing is too large by parts alone. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { OpOf } from '#models/op.js';
import { EngineError, ModelError, OptionError } from '#src/core/errors.js';
import { readModel } from '#src/formats/model-file.js';
import { bytesSource } from '#src/formats/source.js';
import { load } from '#src/index.js';
import { placeOnRectangle } from '#src/placement/place.js';
import type { WaferEngine } from '#src/runtime/engine/engine.js';
import { requireFit } from '#src/runtime/fit.js';
import { type Prepared, prepare } from '#src/runtime/open.js';
import { layOut } from '#src/runtime/program/layout.js';
import { scratchOf, stateWordsOf } from '#src/runtime/program/ops/index.js';
import type { LoadOptions } from '#src/runtime/types.js';
import { type SmallModel, smallModel } from '../helpers/architecture.js';
import { encoders } from '../helpers/encoders.js';
import { bitsOf, endOf, withEngine } from '../helpers/engine.js';
import { readBytes } from '../helpers/gguf.js';
import { tinyModel } from '../helpers/tiny-model.js';

const embedded = (): Uint8Array => readFileSync('models/glint/glint-q8_0.gguf');
const platform = { cores: 2, isShared: true };
const usual: LoadOptions = { context: 256, kvTokens: 2048, maxRunning: 6, prefillChunk: 16 };

const prepared = (bytes: Uint8Array, options: LoadOptions): Promise<Prepared> =>
  prepare(bytesSource(bytes), { ...usual, ...options }, platform);

/** The fewest bytes of a memory with which the model can be laid out: as many shards as there can be. */
async function fewestBytes(bytes: Uint8Array, options: LoadOptions): Promise<number> {
  let [least, most] = [0, (await prepared(bytes, options)).memoryBytes * 2];
  while (most - least > 4096) {
    const shardBytes = Math.floor((least + most) / 2);
    const fits = await prepared(bytes, { ...options, shardBytes }).then(
      () => true,
      () => false,
    );
    if (fits) most = shardBytes;
    else least = shardBytes;
  }
  return most;
}

const prompt = (seed: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((i * i * 7 + i * seed * 13 + seed) % 250));
const prompts = [70, 33, 5, 1, 96, 40].map((count, i) => [
  ...prompt(9, 32).slice(0, count),
  ...prompt(i, count),
]);

/** Logits, then answers alone, together and from cached beginnings, and scores. */
async function said(engine: WaferEngine): Promise<unknown[]> {
  const answer = async (ids: readonly number[]): Promise<readonly number[]> =>
    (await endOf(engine.generate(ids, { temperature: 0, maxTokens: 12, ignoreEos: true }))).ids;
  const logits = bitsOf(await engine.logits(prompts[0]!));
  const alone: (readonly number[])[] = [];
  for (const ids of prompts) alone.push(await answer(ids));
  const together = await Promise.all(prompts.map(answer));
  expect(together).toEqual(alone);
  return [logits, alone, (await engine.score(prompts[4]!)).nll];
}

describe('the embedded model', () => {
  it('gives the same bits in two shards and in as many as there can be, by any crew and cut', async () => {
    const bytes = embedded();
    const expected = await withEngine(bytes, { ...usual, workers: 1, prefillChunk: 64 }, said);
    for (const [workers, prefillChunk, isInTwo] of [
      [1, 64, true],
      [2, 7, true],
      [3, 16, false],
      [4, 1, false],
    ] as const) {
      const some = { ...usual, workers, prefillChunk };
      const shardsOf = async (shardBytes: number): Promise<number> =>
        (await prepared(bytes, { ...some, shardBytes })).layouts.all.length;
      let shardBytes = await fewestBytes(bytes, some);
      expect(await shardsOf(shardBytes)).toBeGreaterThan(2);
      while (isInTwo && (await shardsOf(shardBytes)) > 2) shardBytes += 65536;
      const options = { ...some, shardBytes };
      if (isInTwo) expect(await shardsOf(shardBytes)).toBe(2);
      expect(await withEngine(bytes, options, said), `${workers} workers, ${shardBytes} bytes`).toEqual(
        expected,
      );
    }
  });
});

const float = (value: number) => ({ type: 'f32' as const, value });
const models: readonly SmallModel[] = [
  { architecture: 'llama', has: /ffn_gate\.weight|^output\.weight|rope_freqs/, keys: { block_count: 4 } },
  // A head that is tied, and norms behind sums.
  {
    architecture: 'gemma3',
    has: /ffn_gate\.weight/,
    keys: { block_count: 6, 'attention.sliding_window': 9 },
  },
  {
    architecture: 'qwen2moe',
    has: /ffn_gate_inp\.weight|ffn_(gate|up)_exps\.weight|_shexp/,
    keys: { block_count: 3, expert_count: 6, expert_used_count: 3, expert_feed_forward_length: 40 },
  },
  {
    architecture: 'qwen35',
    has: /ffn_gate\.weight/,
    keys: {
      block_count: 4,
      'ssm.inner_size': 96,
      'ssm.conv_kernel': 4,
      'ssm.state_size': 16,
      'ssm.time_step_rank': 6,
      'ssm.group_count': 2,
      'attention.recurrent_layers': [1, 0, 1, 0],
    },
  },
  // The same layers again and again.
  {
    architecture: 'hrm_text',
    has: /ffn_gate\.weight/,
    keys: { block_count: 6, 'hrm.layers_per_stack': 1, 'hrm.h_cycles': 2, 'hrm.l_cycles': 2 },
  },
  // Several streams of hidden vectors.
  {
    architecture: 'hy_v4',
    has: /ffn_gate\.weight|attn_[kv]_b|attn_q_a\./,
    keys: {
      'attention.kv_lora_rank': 20,
      'attention.q_lora_rank': 12,
      'attention.key_length_mla': 18,
      'attention.value_length_mla': 12,
      'rope.dimension_count': 6,
      'hyper_connection.count': 4,
      'hyper_connection.epsilon': float(1e-6),
      'hyper_connection.magnitude': float(2),
    },
  },
];

describe.each(models)('$architecture', (model) => {
  it('gives the same bits in as many shards as there can be', async () => {
    const bytes = await smallModel({
      ...model,
      keys: { context_length: 256, embedding_length: 48, ...model.keys },
    });
    const expected = await withEngine(bytes, { ...usual, workers: 2 }, said);
    const shardBytes = await fewestBytes(bytes, {});
    expect((await prepared(bytes, { shardBytes })).layouts.all.length).toBeGreaterThan(1);
    expect(await withEngine(bytes, { ...usual, workers: 3, prefillChunk: 7, shardBytes }, said)).toEqual(
      expected,
    );
  });
});

it.each(encoders)('$architecture makes the same vectors in several shards', async (model) => {
  const bytes = await smallModel({ ...model, keys: { ...model.keys, block_count: 4 } });
  const options = { context: 128, workers: 2 };
  const vectors = async (engine: WaferEngine): Promise<unknown> =>
    (await engine.embed(prompts.map((ids) => ids.slice(0, 60)))).embeddings;
  const expected = await withEngine(bytes, options, vectors);
  const shardBytes = await fewestBytes(bytes, options);
  expect((await prepared(bytes, { ...options, shardBytes })).layouts.all.length).toBeGreaterThan(1);
  expect(await withEngine(bytes, { ...options, shardBytes }, vectors)).toEqual(expected);
});

it('what attends to the keys and values of another layer does so in the shard of those', async () => {
  const file = await readBytes(tinyModel({ numHiddenLayers: 4, weightType: 'F32' }));
  const { model, tensors } = readModel(file);
  const first = model.ops.find((op): op is OpOf<'attention'> => op.kind === 'attention')!;
  const last = model.ops.findLastIndex(({ kind }) => kind === 'attention');
  const ops = model.ops.map((op, at) =>
    at === last && op.kind === 'attention' ? { ...op, k: null, v: null, cache: first.cache } : op,
  );
  const plan = placeOnRectangle({ ...model, ops }, { width: 1, height: 1 }, () => 1);
  const facts = {
    workers: 2,
    context: 64,
    maxRunning: 2,
    kvTokens: 64,
    maxRows: 8,
    kvType: 'int16',
  } as const;
  const layouts = layOut(plan, tensors, {
    ...facts,
    vocabSize: 320,
    scratchBytes: scratchOf(plan.ops, 8),
    stateWords: stateWordsOf(plan.ops),
    shardBytes: 1_700_000,
  });
  expect(layouts.of[last]).toBe(layouts.of[model.ops.indexOf(first)]);
  expect(layouts.of[last + 1]).toBeGreaterThan(layouts.of[last]!);
  expect(layouts.of[last - 1]).toBe(layouts.of[last + 1]);
});

it('refuses a layer that no memory holds, and a size that is none', async () => {
  const bytes = tinyModel();
  await expect(load(bytes, { shardBytes: 1 << 20 })).rejects.toThrow(ModelError);
  await expect(load(bytes, { shardBytes: 1 << 20 })).rejects.toThrow(
    /one layer lies in one memory.*shorter context/s,
  );
  for (const shardBytes of [0.5, -1, 2 ** 33, Number.NaN])
    await expect(load(bytes, { shardBytes })).rejects.toThrow(OptionError);
});

it('refuses what the machine has no memory for, and says what would fit', async () => {
  const bytes = tinyModel({ weightType: 'F32', context: 2048, hiddenSize: 256, intermediateSize: 1024 });
  const model = await prepared(bytes, { context: 2048, kvTokens: 4096 });
  const without = model.memoryBytes - model.kvBytes;
  const refusal = (machineBytes: number): string => {
    try {
      requireFit(model, machineBytes);
    } catch (error) {
      expect(error).toBeInstanceOf(ModelError);
      return (error as ModelError).facts.todo;
    }
    return 'none';
  };
  expect(refusal(model.memoryBytes)).toBe('none');
  expect(refusal(model.memoryBytes - 1)).toBe('A KV cache of 4064 tokens fits (--kv-tokens 4064).');
  expect(refusal(without + model.kvBytes / 4)).toBe('A context of 1024 tokens fits (--context 1024).');
  expect(refusal(without)).toBe('Its weights fit as Q8_0 (--quantize q8_0).');
  expect(refusal(without - 0.3 * model.weightBytes)).toMatch(/as Q[654]_K/);
  expect(refusal(1 << 20)).toMatch(/Choose a model whose file is at most/);
});

it('ends every call when it is closed in the middle of an answer', async () => {
  const bytes = embedded();
  const shardBytes = (await fewestBytes(bytes, {})) + 65536;
  const engine = await load(bytes, { ...usual, workers: 2, shardBytes });
  const answer = endOf(engine.generate('a', { maxTokens: 200, ignoreEos: true }));
  const ended = expect(answer).rejects.toThrow(EngineError);
  await new Promise((resolve) => setTimeout(resolve, 30));
  await engine.close();
  await ended;
});
