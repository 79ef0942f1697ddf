/** Models that make vectors say what transformers says: embeddings.json, which embeddings.py writes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type GgufInput, writeGguf } from '#src/formats/gguf-writer.js';
import { withEngine } from '../helpers/engine.js';
import { seededWeight } from '../helpers/seeded.js';
import { temporaryFile } from '../helpers/tiny-model.js';

interface Golden {
  readonly architecture: string;
  /** Slowest dimension first. */
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly keys: Readonly<Record<string, number>>;
  readonly inputs: readonly (readonly number[])[];
  /** Vectors of length 1, or a ranker's scores. */
  readonly results: readonly (readonly number[])[];
}

const goldens = JSON.parse(
  readFileSync(new URL('embeddings.json', import.meta.url), 'utf8'),
) as readonly Golden[];

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

describe.each(goldens.map((golden, i) => [`${golden.architecture}, ${i}`, golden] as const))(
  '%s',
  (_, golden) => {
    it('makes of token ids what transformers makes of them', async () => {
      const path = temporaryFile(goldenModel(golden));
      const normalize = golden.keys.pooling_type !== 4;
      const { embeddings } = await withEngine(path, { kvType: 'f32' }, (engine) =>
        engine.embed(golden.inputs, { normalize }),
      );
      for (const [i, expected] of golden.results.entries()) {
        expect(embeddings[i]).toHaveLength(expected.length);
        for (const [at, value] of expected.entries()) expect(embeddings[i]![at]!).toBeCloseTo(value, 4);
      }
    });
  },
);
