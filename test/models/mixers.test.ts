/** Hybrids and models of states: published parameters, caches that do not grow, and a plan on either machine. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { countParameters, kvBytes, kvBytesPerToken } from '#models/card.js';
import { cardFromConfig } from '#models/card-config.js';
import { plan } from '#src/timing/estimate.js';
import { findMachine } from '#src/timing/local-run.js';
import { sharedPath } from '../helpers/shared.js';

const QWEN3_NEXT = {
  model_type: 'qwen3_next',
  full_attention_interval: 4,
  head_dim: 256,
  hidden_size: 2048,
  intermediate_size: 5120,
  linear_conv_kernel_dim: 4,
  linear_key_head_dim: 128,
  linear_num_key_heads: 16,
  linear_num_value_heads: 32,
  linear_value_head_dim: 128,
  max_position_embeddings: 262144,
  moe_intermediate_size: 512,
  num_attention_heads: 16,
  num_experts: 512,
  num_experts_per_tok: 10,
  num_hidden_layers: 48,
  num_key_value_heads: 2,
  shared_expert_intermediate_size: 512,
  tie_word_embeddings: false,
  vocab_size: 151936,
};

/** Billions of parameters as the publishers or the hub state them. */
const HYBRIDS: readonly [string, number, Record<string, unknown>][] = [
  ['Qwen3-Next-80B-A3B', 79.67, QWEN3_NEXT],
  [
    'Granite-4.0-H-Small',
    32.2,
    {
      model_type: 'granitemoehybrid',
      hidden_size: 4096,
      num_hidden_layers: 40,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      intermediate_size: 768,
      shared_intermediate_size: 1536,
      num_local_experts: 72,
      num_experts_per_tok: 10,
      mamba_n_heads: 128,
      mamba_d_head: 64,
      mamba_d_state: 128,
      mamba_n_groups: 1,
      layer_types: Array.from({ length: 40 }, (_, i) =>
        [5, 15, 25, 35].includes(i) ? 'attention' : 'mamba',
      ),
      vocab_size: 100352,
    },
  ],
  [
    'LFM2-1.2B',
    1.17,
    {
      model_type: 'lfm2',
      block_auto_adjust_ff_dim: true,
      block_ffn_dim_multiplier: 1,
      block_multiple_of: 256,
      conv_L_cache: 3,
      conv_bias: false,
      hidden_size: 2048,
      intermediate_size: 12288,
      layer_types: Array.from({ length: 16 }, (_, i) =>
        [2, 5, 8, 10, 12, 14].includes(i) ? 'full_attention' : 'conv',
      ),
      num_attention_heads: 32,
      num_hidden_layers: 16,
      num_key_value_heads: 8,
      vocab_size: 65536,
    },
  ],
  [
    'Kimi-Linear-48B-A3B',
    49.12,
    {
      model_type: 'kimi_linear',
      first_k_dense_replace: 1,
      hidden_size: 2304,
      intermediate_size: 9216,
      kv_lora_rank: 512,
      linear_attn_config: {
        full_attn_layers: [4, 8, 12, 16, 20, 24, 27],
        head_dim: 128,
        num_heads: 32,
        short_conv_kernel_size: 4,
      },
      moe_intermediate_size: 1024,
      num_attention_heads: 32,
      num_experts: 256,
      num_experts_per_token: 8,
      num_hidden_layers: 27,
      num_shared_experts: 1,
      q_lora_rank: null,
      qk_nope_head_dim: 128,
      qk_rope_head_dim: 64,
      tie_word_embeddings: false,
      v_head_dim: 128,
      vocab_size: 163840,
    },
  ],
  [
    'Nemotron-H-8B',
    8.1,
    {
      model_type: 'nemotron_h',
      attention_head_dim: 128,
      hidden_size: 4096,
      hybrid_override_pattern: 'M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-',
      intermediate_size: 21504,
      mamba_head_dim: 64,
      mamba_num_heads: 128,
      n_groups: 8,
      num_attention_heads: 32,
      num_hidden_layers: 52,
      num_key_value_heads: 8,
      ssm_state_size: 128,
      vocab_size: 131072,
    },
  ],
  [
    'Nemotron-3-Nano-30B-A3B',
    31.58,
    {
      model_type: 'nemotron_h',
      head_dim: 128,
      hidden_size: 2688,
      hybrid_override_pattern: 'MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME',
      intermediate_size: 1856,
      mamba_head_dim: 64,
      mamba_num_heads: 64,
      moe_intermediate_size: 1856,
      moe_shared_expert_intermediate_size: 3712,
      n_groups: 8,
      n_routed_experts: 128,
      n_shared_experts: 1,
      num_attention_heads: 32,
      num_experts_per_tok: 6,
      num_hidden_layers: 52,
      num_key_value_heads: 2,
      ssm_state_size: 128,
      vocab_size: 131072,
    },
  ],
  [
    'Jamba-v0.1',
    51.57,
    {
      model_type: 'jamba',
      attn_layer_offset: 4,
      attn_layer_period: 8,
      expert_layer_offset: 1,
      expert_layer_period: 2,
      hidden_size: 4096,
      intermediate_size: 14336,
      mamba_conv_bias: true,
      mamba_d_conv: 4,
      mamba_d_state: 16,
      mamba_dt_rank: 256,
      mamba_expand: 2,
      num_attention_heads: 32,
      num_experts: 16,
      num_experts_per_tok: 2,
      num_hidden_layers: 32,
      num_key_value_heads: 8,
      vocab_size: 65536,
    },
  ],
  [
    'Mamba-Codestral-7B',
    7.285,
    {
      model_type: 'mamba2',
      conv_kernel: 4,
      expand: 2,
      head_dim: 64,
      hidden_size: 4096,
      n_groups: 8,
      num_heads: 128,
      num_hidden_layers: 64,
      state_size: 128,
      tie_word_embeddings: false,
      vocab_size: 32768,
    },
  ],
];

const periodic = (layers: number, every: number, at: number, one: string, rest: string): string[] =>
  Array.from({ length: layers }, (_, i) => (i % every === at ? one : rest));

/** Layers of one model with attention or experts of different sizes. */
const UNEVEN: readonly [string, number, Record<string, unknown>][] = [
  [
    'Gemma-4-31B',
    30.7,
    {
      model_type: 'gemma4_text',
      attention_k_eq_v: true,
      enable_moe_block: false,
      global_head_dim: 512,
      head_dim: 256,
      hidden_size: 5376,
      intermediate_size: 21504,
      layer_types: periodic(60, 6, 5, 'full_attention', 'sliding_attention'),
      num_attention_heads: 32,
      num_global_key_value_heads: 4,
      num_hidden_layers: 60,
      num_key_value_heads: 16,
      sliding_window: 1024,
      vocab_size: 262144,
    },
  ],
  [
    'Gemma-4-26B-A4B',
    25.23,
    {
      model_type: 'gemma4_text',
      attention_k_eq_v: true,
      enable_moe_block: true,
      global_head_dim: 512,
      head_dim: 256,
      hidden_size: 2816,
      intermediate_size: 2112,
      layer_types: periodic(30, 6, 5, 'full_attention', 'sliding_attention'),
      moe_intermediate_size: 704,
      num_attention_heads: 16,
      num_experts: 128,
      num_global_key_value_heads: 2,
      num_hidden_layers: 30,
      num_key_value_heads: 8,
      sliding_window: 1024,
      top_k_experts: 8,
      vocab_size: 262144,
    },
  ],
  [
    'MiMo-V2-Flash',
    309,
    {
      model_type: 'mimo_v2_flash',
      head_dim: 192,
      hidden_size: 4096,
      hybrid_layer_pattern: Array.from({ length: 48 }, (_, i) => (i === 0 || i % 6 === 5 ? 0 : 1)),
      intermediate_size: 16384,
      moe_intermediate_size: 2048,
      moe_layer_freq: Array.from({ length: 48 }, (_, i) => (i === 0 ? 0 : 1)),
      n_routed_experts: 256,
      num_attention_heads: 64,
      num_experts_per_tok: 8,
      num_hidden_layers: 48,
      num_key_value_heads: 4,
      sliding_window: 128,
      swa_head_dim: 192,
      swa_num_attention_heads: 64,
      swa_num_key_value_heads: 8,
      swa_v_head_dim: 128,
      tie_word_embeddings: false,
      v_head_dim: 128,
      vocab_size: 152576,
    },
  ],
  [
    'Step-3.7-Flash',
    196,
    {
      model_type: 'step3p7',
      first_k_dense_replace: 3,
      head_dim: 128,
      hidden_size: 4096,
      intermediate_size: 11264,
      layer_types: periodic(45, 4, 0, 'full_attention', 'sliding_attention'),
      moe_intermediate_size: 1280,
      n_shared_experts: 1,
      num_attention_heads: 64,
      num_experts: 288,
      num_experts_per_tok: 8,
      num_hidden_layers: 45,
      num_key_value_heads: 8,
      share_expert_dim: 1280,
      sliding_window: 512,
      vocab_size: 128896,
    },
  ],
  [
    'Nemotron-3-Super-120B-A12B',
    120.6,
    {
      model_type: 'nemotron_h',
      head_dim: 128,
      hidden_size: 4096,
      intermediate_size: 2688,
      layers_block_type: [
        ...'MEMEMEM*EMEMEMEM*EMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEM*EMEMEMEME',
      ].map((letter) => ({ M: 'mamba', E: 'moe', '*': 'attention' })[letter]),
      mamba_head_dim: 64,
      mamba_num_heads: 128,
      moe_intermediate_size: 2688,
      moe_latent_size: 1024,
      moe_shared_expert_intermediate_size: 5376,
      n_groups: 8,
      n_routed_experts: 512,
      n_shared_experts: 1,
      num_attention_heads: 32,
      num_experts_per_tok: 22,
      num_key_value_heads: 2,
      ssm_state_size: 128,
      vocab_size: 131072,
    },
  ],
];

const cardOf = (name: string, config: Record<string, unknown>) =>
  cardFromConfig(config, { name, source: 'test' });

describe('hybrids', () => {
  it.each([...HYBRIDS, ...UNEVEN])('%s has %f billion parameters', (name, billions, config) => {
    expect(Math.abs(countParameters(cardOf(name, config)).total / 1e9 / billions - 1)).toBeLessThan(0.01);
  });

  it.each([...HYBRIDS, ...UNEVEN])('%s is planned on GPUs and wafers', (name, _, config) => {
    const card = cardOf(name, config);
    for (const machine of ['h200', 'wse-3']) {
      const result = plan(card, findMachine(machine), {
        promptTokens: 1024,
        outputTokens: 256,
        concurrency: 4,
      });
      expect(result.tpotMs, machine).toBeGreaterThan(0);
      expect(Number.isFinite(result.kvTokens + result.maxUsers + result.ttftMs), machine).toBe(true);
    }
  });

  it('keep states of one size, and a cache in layers with attention only', () => {
    const card = cardOf('Qwen3-Next', QWEN3_NEXT);
    expect(kvBytesPerToken(card, 2)).toBe(12 * 2 * 2 * 256 * 2);
    const states = 36 * (32 * 128 * 128 * 4 + (2 * 2048 + 4096) * 3 * 2);
    expect(kvBytes(card, 1000, 2)).toBe(states + 1000 * kvBytesPerToken(card, 2));
    const mamba = cardOf('mamba', HYBRIDS.at(-1)![2]);
    expect(kvBytes(mamba, 10, 2)).toBe(kvBytes(mamba, 100_000, 2));
  });

  it('keep one vector for keys and values where they are the same, and values of their own width', () => {
    const gemma = cardOf('gemma', UNEVEN[0]![2]);
    expect(kvBytesPerToken(gemma, 2)).toBe(50 * 2 * 16 * 256 * 2 + 10 * 4 * 512 * 2);
    const mimo = cardOf('mimo', UNEVEN[2]![2]);
    expect(kvBytesPerToken(mimo, 1)).toBe(39 * 8 * (192 + 128) + 9 * 4 * (192 + 128));
  });

  it('name a pattern that does not say what each layer is', () => {
    const [name, , config] = HYBRIDS.find(([each]) => each === 'Nemotron-H-8B')!;
    expect(() => cardOf(name, { ...config, hybrid_override_pattern: 'M-X' })).toThrow(/52 letters among M/);
  });
});

const CASES = ['qwen3-next-80b', 'granite-4.0-h-small', 'lfm2.5-1.2b', 'granite-4.0-micro-dense'];
describe('configs as published (need ../shared)', () => {
  it.skipIf(sharedPath('cases/configs/f-qwen3-next-80b.json') === null).each(CASES)('%s is read', (name) => {
    const config: unknown = JSON.parse(readFileSync(sharedPath(`cases/configs/f-${name}.json`)!, 'utf8'));
    expect(countParameters(cardFromConfig(config, { name, source: 'test' })).total).toBeGreaterThan(1e9);
  });
});
