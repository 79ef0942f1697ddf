/** config.json as it is published: fields left out, defaults of generation, lists per layer, numbers that JSON has not. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { countParameters, factsOf, outerWeights } from '#models/card.js';
import { cardFromConfig } from '#models/card-config.js';
import { loadCard } from '#src/platform/node/cards.js';
import { sharedPath } from '../helpers/shared.js';

const SHAPE = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
};
const card = (config: object) => cardFromConfig({ ...SHAPE, ...config }, { name: 'x', source: 'test' });

it('passes over what older releases of transformers wrote into every file', () => {
  const noise = {
    length_penalty: 1,
    top_k: 50,
    temperature: 1,
    pruned_heads: {},
    max_length: 20,
    num_beams: 1,
  };
  expect(card({ model_type: 'llama', ...noise })).toEqual(card({ model_type: 'llama' }));
});

it('takes what a file leaves out from the family’s class, and says so', () => {
  const { vocab_size: _, ...rest } = SHAPE;
  const gemma = cardFromConfig({ ...rest, model_type: 'gemma3_text' }, { name: 'x', source: 'test' });
  expect([gemma.vocabSize, outerWeights(gemma).isTied]).toEqual([262_208, true]);
  expect(gemma.notes.join()).toMatch(/class defaults taken: vocab_size/);
  expect(outerWeights(card({ model_type: 'smollm3' })).isTied).toBe(true);
  expect(() => cardFromConfig({ ...rest, model_type: 'llama' }, { name: 'x', source: 'test' })).toThrow(
    /vocab_size/,
  );
});

it('reads one flag per layer for experts', () => {
  const experts = {
    model_type: 'mixtral',
    num_local_experts: 8,
    num_experts_per_tok: 2,
    moe_intermediate_size: 32,
  };
  const kinds = (freq: unknown) => {
    const { layers, kinds: all } = card({ ...experts, moe_layer_freq: freq });
    return layers.map((kind) => (factsOf(all[kind]!.ops).experts ? 'moe' : 'dense'));
  };
  expect(kinds([0, 1, 1, 0])).toEqual(['dense', 'moe', 'moe', 'dense']);
  expect(kinds(2)).toEqual(['dense', 'moe', 'dense', 'moe']);
  expect(() => kinds([1, 0])).toThrow(/2 entries.*4, one per layer/);
});

it('reads Infinity as Python writes it, and leaves texts alone', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'waferflow-config-')), 'config.json');
  const text = JSON.stringify({ ...SHAPE, model_type: 'llama', _name_or_path: 'Infinity NaN "x"' });
  writeFileSync(
    file,
    text.replace('}', ', "swiglu_limit": Infinity, "router_jitter_noise": -Infinity, "floor_scale": NaN}'),
  );
  expect(countParameters(loadCard(file)).total).toBe(countParameters(card({ model_type: 'llama' })).total);
});

/** Published counts, in billions, of the configurations that this repository does not hold. */
it.each([
  ['f-gemma-3-27b-it-file-as-published-no-vocab_size.json', 27.0],
  ['f-kimi-k2.5-only-length_penalty.json', 1026],
  ['f-smollm3-3b-tie-absent-class-default-true.json', 3.08],
  ['f-granite-4.0-micro-dense.json', 3.4],
])('%s has %s billion weights', (file, billions) => {
  const path = sharedPath(`cases/configs/${file}`);
  if (path === null) return;
  expect(countParameters(loadCard(path)).total / 1e9 / billions).toBeCloseTo(1, 2);
});
