/** LoRA adapters: applied, merged and computed in float64 they say the same, and each request has its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { interpret } from '#models/interpreter/index.js';
import type { Model } from '#models/model.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { readTensors } from '#src/formats/model-weights.js';
import { bytesSource } from '#src/formats/source.js';
import type { GenerateOptions, LoadOptions } from '#src/runtime/types.js';
import { type SmallModel, smallModel } from '../helpers/architecture.js';
import { bitsOf, endOf, withEngine } from '../helpers/engine.js';
import { type RandomAdapter, randomAdapter } from '../helpers/lora.js';

const ids = Array.from({ length: 45 }, (_, i) => 3 + ((i * 37) % 256));
const models: readonly SmallModel[] = [
  { architecture: 'llama', has: /ffn_gate\.weight|^output\.weight/, keys: { context_length: 256 } },
  { architecture: 'phi3', has: /attn_qkv/ },
  {
    architecture: 'qwen35',
    has: /ffn_gate\.weight/,
    keys: {
      'ssm.inner_size': 96,
      'ssm.conv_kernel': 4,
      'ssm.state_size': 16,
      'ssm.time_step_rank': 6,
      'ssm.group_count': 2,
      'attention.recurrent_layers': [1, 0],
    },
  },
  {
    architecture: 'qwen3moe',
    has: /ffn_gate_inp\.weight|ffn_gate_exps/,
    keys: { expert_count: 6, expert_used_count: 3, expert_feed_forward_length: 40 },
  },
  // Inputs of experts are weighed before; and gate and up lie in one matrix.
  {
    architecture: 'llama4',
    has: /ffn_gate_inp\.weight|ffn_gate_exps|_shexp|attn_[qkv]\.bias/,
    keys: {
      expert_count: 4,
      expert_used_count: 1,
      expert_feed_forward_length: 40,
      interleave_moe_layer_step: 1,
      'attention.sliding_window': 32,
    },
  },
  {
    architecture: 'qwen2moe',
    has: /ffn_gate_inp\.weight|ffn_gate_up_exps|_shexp/,
    keys: { expert_count: 6, expert_used_count: 2, expert_feed_forward_length: 40 },
  },
];
const first: RandomAdapter = { seed: 1, rank: 3, alpha: 6, only: /^blk|^output\.weight/ };
const second: RandomAdapter = { seed: 2, rank: 5, alpha: 4, only: /attn_qkv|attn_q\.|ffn_down/ };

async function described(bytes: Uint8Array) {
  const file = await readGguf(bytesSource(bytes));
  const { model, tensors } = readModel(file);
  return { model, tensors: await readTensors(file, tensors) };
}

/** The logits after all ids with what adapters add to the matrices, in float64. */
async function expectedOf(bytes: Uint8Array, added: readonly ReadonlyMap<string, Float64Array>[]) {
  const { model, tensors } = await described(bytes);
  const whole = (name: string): ArrayLike<number> =>
    added.reduce<ArrayLike<number>>((sum, one) => {
      const more = one.get(name);
      return more ? Float64Array.from(sum, (x, i) => x + more[i]!) : sum;
    }, tensors(name));
  return interpret(model.ops, whole, ids).at(-1)!;
}

function farthest(actual: Float32Array, expected: Float64Array): number {
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return expected.reduce((most, x, id) => Math.max(most, Math.abs(x - actual[id]!)), 0) / largest;
}

const usual: LoadOptions = { workers: 2, kvType: 'f32' };
const logitsWith = (bytes: Uint8Array, options: LoadOptions): Promise<Float32Array> =>
  withEngine(bytes, { ...usual, ...options }, async (engine) => (await engine.logits(ids)).slice());

describe.each(models)('$architecture with adapters', (model) => {
  it('computes what the sums of the matrices would, beside them or in them, one or both', async () => {
    const bytes = await smallModel(model);
    const { model: plain } = await described(bytes);
    const [a, b] = [randomAdapter(plain, first), randomAdapter(plain, second)];
    const one = [{ file: a.bytes }];
    const both = [...one, { file: b.bytes, scale: 0.5 }];
    const expected = await expectedOf(bytes, [a.added]);
    const half = new Map([...b.added].map(([name, sums]) => [name, sums.map((x) => x / 2)]));
    const together = await expectedOf(bytes, [a.added, half]);
    expect(farthest(await logitsWith(bytes, {}), expected), 'without').toBeGreaterThan(0.05);
    for (const loraMerge of [false, true]) {
      expect(farthest(await logitsWith(bytes, { lora: one, loraMerge }), expected)).toBeLessThan(3e-4);
      expect(farthest(await logitsWith(bytes, { lora: both, loraMerge }), together)).toBeLessThan(3e-4);
    }
  });
});

describe('requests with adapters of their own', async () => {
  const bytes = await smallModel(models[0]!);
  const { model } = await described(bytes);
  const lora = [
    { file: randomAdapter(model, first).bytes, name: 'first' },
    { file: randomAdapter(model, second).bytes, name: 'second' },
  ];
  const options: LoadOptions = { workers: 2, kvTokens: 2048, maxRunning: 6, prefillChunk: 16 };
  const greedy: GenerateOptions = { temperature: 0, maxTokens: 30, logitBias: { 1: -1000, 2: -1000 } };
  const prompt = ids.slice(0, 40);
  const alone = (adapter: LoadOptions['lora']): Promise<readonly number[]> =>
    withEngine(bytes, { ...options, lora: adapter ?? [] }, async (engine) => {
      return (await endOf(engine.generate(prompt, greedy))).ids;
    });

  it('gives each in one batch the text that it has alone, and pages of its own', async () => {
    const expected = [await alone([]), await alone([lora[0]!]), await alone([lora[1]!]), await alone(lora)];
    expect(new Set(expected.map(String)).size).toBe(4);
    await withEngine(bytes, { ...options, lora }, async (engine) => {
      expect(engine.info.adapters).toEqual(['first', 'second']);
      // Twice: the second time all of them find the pages of the first.
      for (const cached of [0, 32]) {
        const ends = await Promise.all(
          [null, 'first', 'second', undefined].map((adapter) =>
            endOf(engine.generate(prompt, { ...greedy, ...(adapter !== undefined && { adapter }) })),
          ),
        );
        expect(ends.map((end) => end.ids)).toEqual(expected);
        expect(ends.map((end) => end.timings.cachedTokens)).toEqual([cached, cached, cached, cached]);
      }
    });
  });

  it('gives those without one the bits of the model alone', async () => {
    const bits = (adapters: LoadOptions['lora']) =>
      withEngine(bytes, { ...usual, lora: adapters ?? [] }, async (engine) => {
        const { nll } = await engine.score(ids, { adapter: null });
        return nll;
      });
    expect(await bits(lora)).toEqual(await bits([]));
  });

  it('has the same bits for any crew and cut of the prompt', async () => {
    const [plain, other] = await Promise.all([
      logitsWith(bytes, { lora, workers: 1 }),
      logitsWith(bytes, { lora, workers: 3, prefillChunk: 7 }),
    ]);
    expect(bitsOf(other)).toEqual(bitsOf(plain));
  });

  it('names an adapter that there is not', async () => {
    await withEngine(bytes, { ...options, lora }, async (engine) => {
      expect(() => engine.generate(prompt, { adapter: 'third' })).toThrow(/"third".*first, second/);
      await expect(engine.score(prompt, { adapter: 'third' })).rejects.toThrow(/option adapter/);
    });
  });
});

describe('an adapter that does not fit', async () => {
  const bytes = await smallModel(models[0]!);
  const refused = async (lora: LoadOptions['lora'], pattern: RegExp, name = 'ModelError'): Promise<void> => {
    const error = await withEngine(bytes, { ...usual, lora: lora ?? [] }, async () => null).catch((e) => e);
    expect(error).toMatchObject({ name });
    expect(error.message).toMatch(pattern);
  };
  const of = async (other: SmallModel, change: (model: Model) => Model = (model) => model) => {
    const { model } = await described(await smallModel(other));
    return [{ file: randomAdapter(change(model), { ...first, only: /^blk/ }).bytes }];
  };
  const llama = models[0]!;

  it('is one for another architecture', async () => {
    await refused(await of(models[1]!), /an adapter for phi3, expected an adapter for .*llama/);
  });

  it('is one for another size', async () => {
    const wide = { ...llama, keys: { ...llama.keys, feed_forward_length: 96 } };
    await refused(
      await of(wide),
      /"blk\.0\.ffn_gate\.weight": got a change of \[96, 48\] to a matrix of \[80, 48\]/,
    );
  });

  it('is one for more layers', async () => {
    const deep = { ...llama, keys: { ...llama.keys, block_count: 3 } };
    await refused(await of(deep), /"blk\.2\.\w+\.weight": got a matrix that the model does not have/);
  });

  it('is a model', async () => {
    await refused([{ file: await smallModel(llama) }], /general\.type.*got model/, 'FormatError');
  });

  it('has the name of another one', async () => {
    const [one] = await of(llama);
    await refused(
      [one!, one!].map((lora) => ({ ...lora, name: 'x' })),
      /two adapters that are called "x"/,
      'OptionError',
    );
  });
});

describe('a PEFT folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'peft-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const bytes = await smallModel({ architecture: 'qwen3', has: /ffn_gate\.weight/ });
  const { model } = await described(bytes);
  const names: Readonly<Record<string, string>> = { attn_q: 'self_attn.q_proj', ffn_down: 'mlp.down_proj' };
  const { bytes: gguf } = randomAdapter(model, { ...first, only: /attn_q\.|ffn_down/ });

  type Piece = readonly [name: string, shape: readonly number[], bytes: Uint8Array];
  const writePieces = (pieces: readonly Piece[], config: Readonly<Record<string, unknown>>): void => {
    const header: Record<string, unknown> = {};
    let at = 0;
    for (const [name, shape, { byteLength }] of pieces) {
      header[name] = { dtype: 'F32', shape, data_offsets: [at, at + byteLength] };
      at += byteLength;
    }
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const data = Buffer.concat([length, text, ...pieces.map(([, , bytes]) => bytes)]);
    writeFileSync(join(folder, 'adapter_model.safetensors'), data);
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(config));
  };
  const tensorsOf = async (adapter: Uint8Array) => {
    const file = await readGguf(bytesSource(adapter));
    return [...file.tensors.values()].map(({ name, dims, offset, byteLength }) => {
      const [, layer, stem, half] = /^blk\.(\d+)\.(\w+)\.weight\.lora_([ab])$/.exec(name)!;
      const called = (module: string): string =>
        `base_model.model.model.layers.${layer}.${module}.lora_${half!.toUpperCase()}.weight`;
      const bytes = adapter.subarray(offset, offset + byteLength);
      return { stem: stem!, called, shape: [...dims].reverse(), bytes };
    });
  };
  const write = async (config: Readonly<Record<string, unknown>>, rename = names): Promise<void> => {
    const pieces = (await tensorsOf(gguf)).map(({ stem, called, shape, bytes }): Piece => {
      return [called(rename[stem]!), shape, bytes];
    });
    writePieces(pieces, config);
  };
  /** Matrix i of the adapter's stacks as that of expert `numbers[i]`, as PEFT names it. */
  const writeExperts = async (adapter: Uint8Array, numbers: readonly number[]): Promise<void> => {
    const pieces = (await tensorsOf(adapter)).flatMap(({ stem, called, shape, bytes }) => {
      const size = bytes.byteLength / shape[0]!;
      return numbers.map((expert, i): Piece => {
        const module = `mlp.experts.${expert}.${stem.replace(/ffn_(\w+)_exps/, '$1')}_proj`;
        const own = numbers.length === shape[0] ? expert : i;
        return [called(module), shape.slice(1), bytes.subarray(own * size, (own + 1) * size)];
      });
    });
    writePieces(pieces, config);
  };
  const config = { peft_type: 'LORA', r: first.rank, lora_alpha: first.alpha, bias: 'none' };

  it('changes experts, and of a stack those that it names', async () => {
    const sparse = await smallModel(models[3]!);
    const { model: mixture } = await described(sparse);
    const { bytes: whole } = randomAdapter(mixture, { ...first, only: /ffn_(gate|up|down)_exps/ });
    await writeExperts(whole, [0, 1, 2, 3, 4, 5]);
    const wanted = bitsOf(await logitsWith(sparse, { lora: [{ file: whole }] }));
    expect(bitsOf(await logitsWith(sparse, { lora: [{ file: folder }] }))).toEqual(wanted);
    await writeExperts(whole, [1, 4]);
    const some = bitsOf(await logitsWith(sparse, { lora: [{ file: folder }] }));
    expect(some).not.toEqual(wanted);
    expect(some).not.toEqual(bitsOf(await logitsWith(sparse, {})));
    await writeExperts(whole, [1, 6]);
    await expect(logitsWith(sparse, { lora: [{ file: folder }] })).rejects.toThrow(
      /a change of \[\d+, \d+\] as expert 6 to a matrix of \[6, \d+, \d+\]/,
    );
  });

  it('gives the bits of the same adapter in GGUF', async () => {
    await write(config);
    const wanted = await logitsWith(bytes, { lora: [{ file: gguf }] });
    expect(bitsOf(await logitsWith(bytes, { lora: [{ file: folder }] }))).toEqual(bitsOf(wanted));
    const byFile = { file: join(folder, 'adapter_config.json') };
    expect(bitsOf(await logitsWith(bytes, { lora: [byFile] }))).toEqual(bitsOf(wanted));
  });

  it('is refused where it says what is not computed, or names other modules', async () => {
    await write({ ...config, use_dora: true });
    await expect(logitsWith(bytes, { lora: [{ file: folder }] })).rejects.toThrow(
      /use_dora: got true, expected false/,
    );
    await write(config, { ...names, attn_q: 'self_attn.query' });
    await expect(logitsWith(bytes, { lora: [{ file: folder }] })).rejects.toThrow(
      /"model\.layers\.0\.self_attn\.query.*a module that the model does not have|lora_B.*a module that the model does not have/,
    );
  });
});
