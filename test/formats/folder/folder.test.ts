import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError, ModelError } from '#src/core/errors.js';
import { type FolderFiles, openFolder } from '#src/formats/folder/folder.js';
import { readGguf } from '#src/formats/gguf.js';
import { bytesSource } from '#src/formats/source.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import { recommendedSampling } from '#src/runtime/engine/recommended.js';
import { deliberateError } from '../../helpers/gguf.js';
import { sharedPath } from '../../helpers/shared.js';

type Shapes = Readonly<Record<string, readonly number[]>>;

/** A safetensors file in BF16, every element its row number. */
function safetensors(shapes: Shapes, patch: (header: Record<string, unknown>) => void = () => undefined) {
  const header: Record<string, unknown> = {};
  const data: number[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const start = 2 * data.length;
    const columns = shape[1] ?? 1;
    for (let i = 0; i < shape[0]! * columns; i++) {
      data.push(new Uint32Array(Float32Array.of(Math.floor(i / columns)).buffer)[0]! >>> 16);
    }
    header[name] = { dtype: 'BF16', shape, data_offsets: [start, 2 * data.length] };
  }
  patch(header);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.from(Uint16Array.from(data).buffer)]);
}

const shapes: Shapes = {
  'model.embed_tokens.weight': [3, 8],
  'model.norm.weight': [8],
  'model.layers.0.self_attn.q_proj.weight': [8, 8],
  'model.layers.0.self_attn.v_proj.weight': [4, 8],
};
const config = {
  ...{ model_type: 'llama', hidden_size: 8, num_attention_heads: 2, num_key_value_heads: 1 },
  ...{ num_hidden_layers: 1, intermediate_size: 8, max_position_embeddings: 64, vocab_size: 3 },
  ...{ rms_norm_eps: 1e-5, tie_word_embeddings: true, eos_token_id: [2, 1] },
};
const tokenizer = {
  added_tokens: [{ id: 2, content: '<end>', special: true }],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [['a', 'b']] },
};

interface Changes {
  readonly config?: object;
  readonly tokenizer?: object;
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly index?: object;
}

function folder({ config: more, tokenizer: other, files, index }: Changes = {}): FolderFiles {
  const texts: Record<string, string> = {
    'config.json': JSON.stringify({ ...config, ...more }),
    'tokenizer.json': JSON.stringify({ ...tokenizer, ...other }),
    'chat_template.jinja': 'hello',
    ...(index && { 'model.safetensors.index.json': JSON.stringify(index) }),
  };
  const weights: Readonly<Record<string, Uint8Array>> = files ?? { 'model.safetensors': safetensors(shapes) };
  return {
    name: 'folder/m',
    text: (file) => Promise.resolve(texts[file]),
    open: (file) =>
      weights[file]
        ? Promise.resolve(bytesSource(weights[file], `folder/m/${file}`))
        : Promise.reject(
            new FormatError({ what: file, given: 'no such file', expected: 'it', todo: 'Fetch it.' }),
          ),
  };
}

describe('a Hugging Face folder', () => {
  it('reads as the GGUF file that it would be', async () => {
    const file = await readGguf(await openFolder(folder()));
    expect(file.require('general.name', 'string')).toBe('m');
    expect(file.require('llama.attention.head_count_kv', 'count')).toBe(1);
    expect(file.require('tokenizer.chat_template', 'string')).toBe('hello');
    expect([...file.tensors.keys()]).toEqual([
      ...['token_embd.weight', 'output_norm.weight', 'blk.0.attn_q.weight', 'blk.0.attn_v.weight'],
    ]);
    expect(file.tensors.get('output_norm.weight')!.type).toBe('F32');
    const made = createTokenizer(file);
    expect(made.eosIds).toEqual(new Set([1, 2]));
    expect(made.encode('ab<end>', { special: true })).toEqual([0, 1, 2]);
  });

  it('turns the rows of queries from halves to neighbours, wherever a read begins', async () => {
    const file = await readGguf(await openFolder(folder()));
    const { offset, byteLength } = file.tensors.get('blk.0.attn_q.weight')!;
    const whole = new Uint8Array(byteLength);
    await file.source.read(offset, whole);
    const bits = new Uint16Array(whole.buffer);
    const rows = Array.from(
      { length: 8 },
      (_, row) => new Float32Array(Uint32Array.of(bits[8 * row]! << 16).buffer)[0],
    );
    expect(rows).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    for (const [from, to] of [
      [3, 40],
      [60, 128],
      [0, 1],
    ] as const) {
      const part = new Uint8Array(to - from);
      await file.source.read(offset + from, part);
      expect([...part]).toEqual([...whole.subarray(from, to)]);
    }
  });

  it('takes its tensors from the files of an index', async () => {
    const [first, ...rest] = Object.entries(shapes);
    const files = { a: safetensors(Object.fromEntries([first!])), b: safetensors(Object.fromEntries(rest)) };
    const weight_map = Object.fromEntries(Object.keys(shapes).map((name, i) => [name, i === 0 ? 'a' : 'b']));
    const file = await readGguf(await openFolder(folder({ files, index: { weight_map } })));
    expect(file.tensors.size).toBe(4);
  });

  it('recommends how tokens are drawn, where they are', async () => {
    const drawn = { do_sample: true, temperature: 0.6, top_k: 20, top_p: null };
    const file = await readGguf(await openFolder(folder({ config: drawn })));
    expect(recommendedSampling(file)).toEqual({ temperature: Math.fround(0.6), topK: 20 });
    const greedy = await readGguf(await openFolder(folder({ config: { ...drawn, do_sample: false } })));
    expect(recommendedSampling(greedy)).toEqual({});
  });

  it('keeps a window and layers without positions that GGUF has no key for, and says so', async () => {
    const window = await openFolder(folder({ config: { sliding_window: 8 } }));
    expect(window.warnings.join()).toMatch(/waferflow.attention.sliding_window/);
    expect((await readGguf(window)).require('waferflow.attention.sliding_window', 'count')).toBe(8);
    const still = await openFolder(folder({ config: { no_rope_layers: [0] } }));
    expect(still.warnings.join()).toMatch(/waferflow.rope.layers/);
    expect((await openFolder(folder())).warnings).toEqual([]);
  });

  const q = 'model.layers.0.self_attn.q_proj.weight';
  const bad = (patch: (header: Record<string, unknown>) => void): Changes => ({
    files: { 'model.safetensors': safetensors(shapes, patch) },
  });
  const wrong: readonly (readonly [string, Changes, RegExp])[] = [
    [
      'another kind of model',
      { config: { model_type: 'unheard-of' } },
      /model_type: got "unheard-of", expected one of llama/,
    ],
    ['a window of none', { config: { sliding_window: -8 } }, /sliding_window: got -8/],
    [
      'kinds of too few layers',
      { config: { layer_types: [], sliding_window: 8 } },
      /layer_types: got \[\], expected a list of 1/,
    ],
    [
      'a stretch of none',
      { config: { rope_scaling: { type: 'x' } } },
      /rope_type: got "x", expected default/,
    ],
    [
      'quantised weights',
      { config: { quantization_config: { quant_method: 'hqq' } } },
      /quantization_config/,
    ],
    ['another activation', { config: { hidden_act: 'relu' } }, /hidden_act/],
    ['a size of none', { config: { hidden_size: -1 } }, /hidden_size: got -1/],
    [
      'heads that disagree',
      { config: { num_attention_heads: 3, head_dim: 3 } },
      /q_proj.weight": got \[8, 8\], expected rows in runs of 3/,
    ],
    [
      'a tokenizer of another kind',
      { tokenizer: { model: { type: 'WordLevel' } } },
      /tokenizer.json: model: got "WordLevel"/,
    ],
    [
      'a normaliser of no kind',
      { tokenizer: { normalizer: { type: 'X' } } },
      /tokenizer.json: normalizer, type: got "X"/,
    ],
    [
      'a token past the vocabulary',
      { tokenizer: { model: { ...tokenizer.model, vocab: { z: 9 } } } },
      /token "z": got 9/,
    ],
    [
      'a vocabulary past all reason',
      { tokenizer: { added_tokens: [{ id: 2 ** 40, content: 'x' }] } },
      /ids below 4000000/,
    ],
    ['a shard that is not there', { index: { weight_map: { [q]: 'other' } } }, /other: got no such file/],
    ['a shard elsewhere', { index: { weight_map: { [q]: '../x' } } }, /expected files of this folder/],
    [
      'a tensor that its shard lacks',
      { index: { weight_map: { x: 'model.safetensors' } } },
      /"x", which model.safetensors lacks/,
    ],
    [
      'two shards with one tensor',
      {
        files: { a: safetensors(shapes), b: safetensors(shapes) },
        index: { weight_map: { [q]: 'a', x: 'b' } },
      },
      /one that folder\/m\/a has too/,
    ],
    [
      'a tensor of no use',
      bad((header) => Object.assign(header, { x: header[q] })),
      /bytes of|"x": got one that llama has no use for/,
    ],
    [
      'bytes past the file',
      bad((header) =>
        Object.assign(header, { [q]: { dtype: 'BF16', shape: [8, 8], data_offsets: [900, 1028] } }),
      ),
      /q_proj.weight": got bytes 900 to 1028/,
    ],
    [
      'a shape that its bytes are not',
      bad((header) =>
        Object.assign(header, { [q]: { dtype: 'BF16', shape: [9, 8], data_offsets: [0, 128] } }),
      ),
      /144 bytes inside/,
    ],
    [
      'a type of none',
      bad((header) => Object.assign(header, { [q]: { dtype: 'F3', shape: [1], data_offsets: [0, 1] } })),
      /type F3/,
    ],
    [
      'a header longer than the file',
      { files: { 'model.safetensors': Buffer.alloc(16, 255) } },
      /length of the header/,
    ],
    [
      'a header that is no JSON',
      {
        files: { 'model.safetensors': Buffer.concat([Buffer.of(2, 0, 0, 0, 0, 0, 0, 0), Buffer.from('{x')]) },
      },
      /header, line 1/,
    ],
  ];
  it.each(wrong)('%s is an error with name and place', async (_, changes, message) => {
    const error = await openFolder(folder(changes)).then(
      () => deliberateError(() => undefined),
      (thrown: unknown) => thrown,
    );
    expect(error instanceof FormatError || error instanceof ModelError, String(error)).toBe(true);
    expect((error as Error).message).toMatch(message);
  });
});

const zoo = sharedPath('models/zoo/folders');

it.skipIf(zoo === null)('every tokenizer of the zoo of folders is read', async () => {
  for (const name of readdirSync(zoo!)) {
    const json = JSON.parse(readFileSync(`${zoo}/${name}/tokenizer.json`, 'utf8'));
    const file = await readGguf(await openFolder(folder({ tokenizer: json, config: { vocab_size: 384 } })));
    const made = createTokenizer(file);
    const text = 'once upon a time, 12345 cats\n';
    expect(made.decode(made.encode(text)), name).toBe(text);
  }
});
