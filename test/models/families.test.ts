/** Config files of many families, reduced to their shapes, against the published number of parameters. */
import { describe, expect, it } from 'vitest';
import { countParameters } from '#models/card.js';
import { cardFromConfig } from '#models/card-config.js';

/** Billions of parameters as the Hugging Face hub counts them, and the shape from the model's config.json. */
const FAMILIES: readonly [string, number, Record<string, unknown>][] = [
  [
    'gemma-7b',
    8.538,
    {
      model_type: 'gemma',
      head_dim: 256,
      hidden_size: 3072,
      intermediate_size: 24576,
      num_hidden_layers: 28,
      num_attention_heads: 16,
      num_key_value_heads: 16,
      vocab_size: 256000,
    },
  ],
  [
    'gemma-2-9b',
    9.242,
    {
      model_type: 'gemma2',
      head_dim: 256,
      hidden_size: 3584,
      intermediate_size: 14336,
      num_hidden_layers: 42,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      vocab_size: 256000,
      sliding_window: 4096,
      cache_implementation: 'hybrid',
    },
  ],
  [
    'phi-2',
    2.78,
    {
      model_type: 'phi',
      hidden_size: 2560,
      intermediate_size: 10240,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 32,
      vocab_size: 51200,
      partial_rotary_factor: 0.4,
    },
  ],
  [
    'Qwen2.5-7B',
    7.616,
    {
      model_type: 'qwen2',
      hidden_size: 3584,
      intermediate_size: 18944,
      num_hidden_layers: 28,
      num_attention_heads: 28,
      num_key_value_heads: 4,
      vocab_size: 152064,
      sliding_window: 131072,
      use_sliding_window: false,
    },
  ],
  [
    'Qwen1.5-MoE-A2.7B',
    14.316,
    {
      model_type: 'qwen2_moe',
      hidden_size: 2048,
      intermediate_size: 5632,
      num_hidden_layers: 24,
      num_attention_heads: 16,
      num_key_value_heads: 16,
      vocab_size: 151936,
      moe_intermediate_size: 1408,
      shared_expert_intermediate_size: 5632,
      num_experts: 60,
      num_experts_per_tok: 4,
    },
  ],
  [
    'OLMoE-1B-7B',
    6.919,
    {
      model_type: 'olmoe',
      hidden_size: 2048,
      intermediate_size: 1024,
      num_hidden_layers: 16,
      num_attention_heads: 16,
      num_key_value_heads: 16,
      vocab_size: 50304,
      num_experts: 64,
      num_experts_per_tok: 8,
    },
  ],
  [
    'starcoder2-7b',
    7.174,
    {
      model_type: 'starcoder2',
      hidden_size: 4608,
      intermediate_size: 18432,
      num_hidden_layers: 32,
      num_attention_heads: 36,
      num_key_value_heads: 4,
      vocab_size: 49152,
      use_bias: true,
      mlp_type: 'default',
    },
  ],
  [
    'gpt2',
    0.12444,
    { model_type: 'gpt2', n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024, vocab_size: 50257 },
  ],
  [
    'gpt-neox-20b',
    20.555,
    {
      model_type: 'gpt_neox',
      hidden_size: 6144,
      intermediate_size: 24576,
      num_hidden_layers: 44,
      num_attention_heads: 64,
      vocab_size: 50432,
      use_parallel_residual: true,
    },
  ],
  [
    'DeepSeek-V2-Lite',
    15.706,
    {
      model_type: 'deepseek_v2',
      hidden_size: 2048,
      intermediate_size: 10944,
      moe_intermediate_size: 1408,
      num_hidden_layers: 27,
      num_attention_heads: 16,
      n_shared_experts: 2,
      n_routed_experts: 64,
      kv_lora_rank: 512,
      q_lora_rank: null,
      qk_rope_head_dim: 64,
      v_head_dim: 128,
      qk_nope_head_dim: 128,
      num_experts_per_tok: 6,
      first_k_dense_replace: 1,
      vocab_size: 102400,
    },
  ],
  [
    'GLM-4.5-Air',
    106.85,
    {
      model_type: 'glm4_moe',
      hidden_size: 4096,
      intermediate_size: 10944,
      moe_intermediate_size: 1408,
      num_hidden_layers: 46,
      num_attention_heads: 96,
      num_key_value_heads: 8,
      head_dim: 128,
      n_routed_experts: 128,
      n_shared_experts: 1,
      num_experts_per_tok: 8,
      first_k_dense_replace: 1,
      attention_bias: true,
      vocab_size: 151552,
    },
  ],
  [
    'dbrx',
    131.6,
    {
      model_type: 'dbrx',
      d_model: 6144,
      n_heads: 48,
      n_layers: 40,
      max_seq_len: 32768,
      vocab_size: 100352,
      attn_config: { model_type: '', kv_n_heads: 8, clip_qkv: 8 },
      ffn_config: { ffn_hidden_size: 10752, moe_num_experts: 16, moe_top_k: 4 },
    },
  ],
  [
    'Llama-4-Maverick (text)',
    400.7,
    {
      model_type: 'llama4',
      text_config: {
        model_type: 'llama4_text',
        hidden_size: 5120,
        intermediate_size: 8192,
        intermediate_size_mlp: 16384,
        num_hidden_layers: 48,
        num_attention_heads: 40,
        num_key_value_heads: 8,
        head_dim: 128,
        num_local_experts: 128,
        num_experts_per_tok: 1,
        interleave_moe_layer_step: 2,
        vocab_size: 202048,
        attention_chunk_size: 8192,
      },
    },
  ],
];

describe('families of config.json', () => {
  it.each(FAMILIES)('%s has %d B parameters', (name, billions, config) => {
    const card = cardFromConfig(config, { name, source: 'test' });
    expect(Math.abs(countParameters(card).total / 1e9 / billions - 1)).toBeLessThan(0.01);
    expect(card.tag).toBe('published');
  });

  it.each<[string, Record<string, unknown>]>([
    [
      'linear_num_key_heads',
      { model_type: 'qwen3_next', full_attention_interval: 4, linear_conv_kernel_dim: 4 },
    ],
    ['attention_pattern', { model_type: 'jamba', attn_layer_period: 8, attention_pattern: [0, 1] }],
    ['mamba_n_heads', { model_type: 'nemotron_h', hybrid_override_pattern: 'M-M*' }],
    ['attn_type_list', { model_type: 'minimax', attn_type_list: [0, 0, 1] }],
  ])('refuses layers that it cannot plan, naming %s', (field, config) => {
    const base = {
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      vocab_size: 100,
    };
    expect(() => cardFromConfig({ ...base, ...config }, { name: 'x', source: 'test' })).toThrow(field);
  });
});
