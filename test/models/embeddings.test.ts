/** Embeddings: what the runtime makes of whole inputs is what the interpreter says, the same bits however it is computed. */
import { describe, expect, it } from 'vitest';
import { interpretEmbedding } from '#models/interpreter/index.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { readTensors } from '#src/formats/model-weights.js';
import { bytesSource } from '#src/formats/source.js';
import { type LoadOptions, poolings } from '#src/runtime/types.js';
import { type SmallModel, smallModel } from '../helpers/architecture.js';
import { encoders } from '../helpers/encoders.js';
import { bitsOf, withEngine } from '../helpers/engine.js';
import { temporaryFile } from '../helpers/tiny-model.js';

const gate = /ffn_gate\.weight/;
const ssm = {
  'ssm.inner_size': 96,
  'ssm.conv_kernel': 4,
  'ssm.state_size': 10,
  'ssm.time_step_rank': 6,
  'ssm.group_count': 2,
};
/** Models made for text, as what they are. */
const others: readonly SmallModel[] = [
  { architecture: 'llama', has: gate },
  { architecture: 'qwen3', has: gate, keys: { pooling_type: 3 } },
  { architecture: 'llama', has: gate, keys: { 'attention.causal': false, pooling_type: 1 } },
  { architecture: 'gemma3', has: gate, keys: { 'attention.sliding_window': 9, block_count: 6 } },
  { architecture: 'mamba2', has: /ssm_norm/, keys: { ...ssm, 'attention.head_count_kv': 0 } },
];

const ids = Array.from({ length: 77 }, (_, i) => 3 + ((i * 37) % 256));
const inputs = [ids.slice(0, 1), ids.slice(5, 17), ids, ids.slice(20, 60), ids.slice(5, 17)];
/** Rounding of f32 through a few layers, against float64; in parts of a vector of length 1. */
const tolerance = 2e-4;

const nameOf = (model: SmallModel, i: number): string => `${model.architecture}, ${i}`;

describe.each([...encoders, ...others].map((model, i) => [nameOf(model, i), model] as const))(
  '%s',
  (_, model) => {
    it('has the vectors of the interpreter, and the same bits for any crew, cut and company', async () => {
      const bytes = await smallModel(model);
      const file = await readGguf(bytesSource(bytes));
      const { model: described, tensors } = readModel(file);
      const values = await readTensors(file, tensors);
      const path = temporaryFile(bytes);
      const embed = (options: LoadOptions): Promise<Float32Array[]> =>
        withEngine(path, { ...options, kvType: 'f32' }, async (engine) => {
          const all: Float32Array[] = [];
          for (const pooling of poolings) {
            const { embeddings, tokens } = await engine.embed(inputs, { pooling });
            expect(tokens).toEqual(inputs.map(({ length }) => length));
            // Alone, where others may have left keys and values behind.
            const { embeddings: alone } = await engine.embed([inputs[2]!], { pooling });
            expect(bitsOf(alone[0]!)).toEqual(bitsOf(embeddings[2]!));
            all.push(...embeddings);
          }
          return all;
        });
      const first = await embed({ workers: 1 });
      for (const [p, pooling] of poolings.entries()) {
        for (const [i, input] of inputs.entries()) {
          const vector = interpretEmbedding(described.ops, values, input, pooling);
          const length = Math.hypot(...vector);
          const got = first[p * inputs.length + i]!;
          expect(got).toHaveLength(vector.length);
          const off = vector.reduce((most, x, at) => Math.max(most, Math.abs(x / length - got[at]!)), 0);
          expect(off, `${pooling} of input ${i}`).toBeLessThan(tolerance);
        }
      }
      const second = await embed({ workers: 3, prefillChunk: 7, maxRunning: 3 });
      for (const [i, vector] of second.entries()) expect(bitsOf(vector)).toEqual(bitsOf(first[i]!));
    });
  },
);
