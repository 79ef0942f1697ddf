/** Cards of GGUF files: parameters, bytes, cache and FLOPs are those of the ops that run, to the unit. */
import { describe, expect, it } from 'vitest';
import { countParameters, factsOf, flopsPerToken, kvBytesPerToken } from '#models/card.js';
import { cachedValues, decodeFlops, parameterCount } from '#models/weights.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { bytesSource } from '#src/formats/source.js';
import { resolveCard } from '#src/platform/node/cards.js';
import { type SmallModel, smallModel } from '../helpers/architecture.js';
import { encoders } from '../helpers/encoders.js';
import { temporaryFile } from '../helpers/tiny-model.js';

const float = (value: number) => ({ type: 'f32' as const, value });
const ssm = {
  'ssm.inner_size': 96,
  'ssm.conv_kernel': 4,
  'ssm.state_size': 10,
  'ssm.time_step_rank': 6,
  'ssm.group_count': 2,
};
const models: readonly SmallModel[] = [
  { architecture: 'llama', has: /ffn_gate\.weight|^output\.weight|(attn|ffn)_\w+\.bias/ },
  { architecture: 'gpt2', has: /attn_qkv|bias/ },
  { architecture: 'gemma3', has: /ffn_gate\.weight/, keys: { 'attention.sliding_window': 9 } },
  {
    architecture: 'qwen2moe',
    has: /ffn_gate_inp\.weight|ffn_(gate|up)_exps\.weight|_shexp/,
    keys: { expert_count: 6, expert_used_count: 3, expert_feed_forward_length: 40 },
  },
  {
    architecture: 'deepseek2',
    has: /ffn_gate\.weight|attn_k_b/,
    keys: {
      'attention.kv_lora_rank': 24,
      'attention.key_length_mla': 24,
      'attention.value_length_mla': 12,
      'rope.dimension_count': 8,
    },
  },
  { architecture: 'falcon-h1', has: /ffn_gate\.weight|ssm_norm/, keys: ssm },
  {
    architecture: 'lfm2',
    has: /ffn_gate\.weight/,
    keys: { block_count: 3, 'attention.head_count_kv': [2, 0, 2], 'shortconv.l_cache': 3 },
  },
  {
    architecture: 'hrm_text',
    has: /ffn_gate\.weight/,
    keys: { block_count: 6, 'hrm.layers_per_stack': 1, 'hrm.h_cycles': 2, 'hrm.l_cycles': 2 },
  },
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

describe.each(models)('$architecture', (described) => {
  it('is planned as it runs', async () => {
    const bytes = await smallModel(described);
    const path = temporaryFile(bytes);
    const { model, tensors } = readModel(await readGguf(bytesSource(bytes)));
    const card = await resolveCard(path);
    expect(countParameters(card).total).toBe(parameterCount(model.ops));
    expect(card.fileBytes).toBe([...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0));
    expect(kvBytesPerToken(card, 1)).toBe(cachedValues(model.ops));
    const states = card.layers.reduce(
      (sum, kind) => sum + (factsOf(card.kinds[kind]!.ops).states?.flops ?? 0),
      0,
    );
    for (const context of [1, 100])
      expect(flopsPerToken(card, 'decode', context) - states).toBe(decodeFlops(model.ops, context));
  });
});

it('a model that writes no text is not planned as if it did', async () => {
  const path = temporaryFile(await smallModel(encoders[0]!));
  await expect(resolveCard(path)).rejects.toThrow(
    /makes vectors and writes no text \(bert\).*waferflow embed/,
  );
});
