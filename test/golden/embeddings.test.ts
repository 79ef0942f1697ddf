/** Models that make vectors say what transformers says: embeddings.jsonl, which embeddings.py writes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GgufInput, writeGguf } from '#src/formats/gguf-writer.js';
import { withEngine } from '../helpers/engine.js';
import { seededWeight } from '../helpers/seeded.js';
import { temporaryFile, temporaryFolder } from '../helpers/tiny-model.js';

interface Golden {
  readonly architecture: string;
  /** Slowest dimension first. */
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly keys: Readonly<Record<string, number>>;
  /** What a folder of the model holds: its config.json, and the names of its tensors by GGUF's. */
  readonly folder: {
    readonly config: Readonly<Record<string, unknown>>;
    readonly names: Readonly<Record<string, string>>;
    /** Norms keep their weight less one. */
    readonly lessOne: boolean;
  };
  readonly inputs: readonly (readonly number[])[];
  /** Vectors of length 1, or a ranker's scores. */
  readonly results: readonly (readonly number[])[];
}

const goldens = readFileSync(new URL('embeddings.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden);

/** A vocabulary of words that nobody says: inputs here are ids. */
const tokenizer = (size: number): Readonly<Record<string, GgufInput>> => ({
  'tokenizer.ggml.model': 'bert',
  'tokenizer.ggml.tokens': Array.from({ length: size }, (_, id) => `\u2581word${id}`),
  'tokenizer.ggml.bos_token_id': 1,
  'tokenizer.ggml.seperator_token_id': 2,
  'tokenizer.ggml.unknown_token_id': 3,
});

function goldenModel({ architecture, keys, tensors }: Golden): Uint8Array {
  const metadata = Object.entries(keys).map(([key, value]): [string, GgufInput] => [
    `${architecture}.${key}`,
    /epsilon|freq_base/.test(key) ? { type: 'f32', value } : value,
  ]);
  return writeGguf(
    { 'general.architecture': architecture, ...Object.fromEntries(metadata), ...tokenizer(keys.vocab_size!) },
    Object.entries(tensors).map(([name, shape]) => ({
      name,
      type: 'F32' as const,
      dims: [...shape].reverse(),
      data: new Uint8Array(seededWeight(name, shape).buffer),
    })),
  );
}

/** A folder as sentence-transformers writes it. */
function goldenFolder({ keys, tensors, folder }: Golden): string {
  const path = temporaryFolder();
  const json = (file: string, value: unknown): void => writeFileSync(join(path, file), JSON.stringify(value));
  const valuesOf = (name: string): Float32Array => {
    const values = seededWeight(name, tensors[name]!);
    return folder.lessOne && /norm\.weight$/.test(name) ? values.map((value) => value - 1) : values;
  };
  json('config.json', folder.config);
  const words = Array.from({ length: keys.vocab_size! }, (_, id) => [`word${id}`, id] as const);
  json('tokenizer.json', {
    added_tokens: [],
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      unk_token: 'word3',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words),
    },
  });
  const stored = Object.entries(folder.names).map(
    ([name, to]) => [to, tensors[name]!, valuesOf(name)] as const,
  );
  writeFileSync(join(path, 'model.safetensors'), safetensors(stored));
  const isRanker = keys.pooling_type === 4;
  const modules: object[] = [
    { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
  ];
  const module = (idx: number, kind: string, config: object): string => {
    const own = `${idx}_${kind}`;
    modules.push({ idx, name: `${idx}`, path: own, type: `sentence_transformers.models.${kind}` });
    mkdirSync(join(path, own));
    json(`${own}/config.json`, config);
    return join(path, own);
  };
  if (!isRanker) {
    const modes = ['mean_tokens', 'cls_token', 'lasttoken'].map((mode, i) => [
      `pooling_mode_${mode}`,
      keys.pooling_type === i + 1,
    ]);
    module(1, 'Pooling', Object.fromEntries(modes));
  }
  for (const idx of [2, 3]) {
    const name = `dense_${idx}.weight`;
    const shape = tensors[name];
    if (!shape) continue;
    const facts = { out_features: shape[0], in_features: shape[1], bias: false };
    const activation_function = 'torch.nn.modules.linear.Identity';
    const own = module(idx, 'Dense', { ...facts, activation_function });
    const weight = ['linear.weight', shape, valuesOf(name)] as const;
    writeFileSync(join(own, 'model.safetensors'), safetensors([weight]));
  }
  json('modules.json', modules);
  return path;
}

/** Tensors of F32 as a file of safetensors. */
function safetensors(
  tensors: readonly (readonly [name: string, shape: readonly number[], values: Float32Array])[],
): Uint8Array {
  let end = 0;
  const header = tensors.map(([name, shape, { byteLength }]) => {
    end += byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [end - byteLength, end] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const data = tensors.map(([, , { buffer, byteOffset, byteLength }]) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  return Buffer.concat([length, text, ...data]);
}

describe.each(goldens.map((golden, i) => [`${golden.architecture}, ${i}`, golden] as const))(
  '%s',
  (_, golden) => {
    it.each([
      ['a GGUF file', () => temporaryFile(goldenModel(golden))],
      ['a folder', () => goldenFolder(golden)],
    ])('makes of token ids what transformers makes of them, read from %s', async (_source, made) => {
      const normalize = golden.keys.pooling_type !== 4;
      const { embeddings } = await withEngine(made(), { kvType: 'f32' }, (engine) =>
        engine.embed(golden.inputs, { normalize }),
      );
      for (const [i, expected] of golden.results.entries()) {
        expect(embeddings[i]).toHaveLength(expected.length);
        for (const [at, value] of expected.entries()) expect(embeddings[i]![at]!).toBeCloseTo(value, 4);
      }
    });
  },
);
