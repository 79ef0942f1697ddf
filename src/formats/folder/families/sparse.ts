/** Families whose layers attend and have experts. */
import { type FolderConfig, float, type Keys } from '../config.js';
import { as, at, type Family, flipped, half } from '../family.js';
import { latentKeys, latentNames, latentTurning } from '../latent.js';
import { experts, gptOssExperts, llama, mixtralExperts, pairs } from '../names.js';
import { expertKeys, fineExpertKeys, granite, graniteExperts, llamaFamily, qwenMoe, silu } from './parts.js';

/** How DeepSeek's and those after it weigh experts. */
const weighedExperts =
  (gating: number) =>
  (config: FolderConfig): Keys => ({
    ...fineExpertKeys(config),
    expert_shared_count: config.count('n_shared_experts', 0),
    expert_weights_scale: float(config.number('routed_scaling_factor', 1)),
    expert_weights_norm: config.flag('norm_topk_prob'),
    expert_gating_func: gating,
    leading_dense_block_count: config.count('first_k_dense_replace', 0),
    ...(config.count('n_group', 0) > 1 && {
      expert_group_count: config.size('n_group'),
      expert_group_used_count: config.size('topk_group'),
    }),
  });

const latent = (gating: number): Family => ({
  architecture: 'deepseek2',
  names: { ...llama, ...experts, ...latentNames },
  turning: latentTurning,
  keys: (config) => ({ ...weighedExperts(gating)(config), ...latentKeys(config) }),
});

/** What is one number, or a list of the same for each layer. */
function ofAllLayers(config: FolderConfig, keys: readonly string[]): number {
  const key = keys.find((one) => config.get(one) !== undefined) ?? keys[0]!;
  if (!Array.isArray(config.get(key))) return config.size(key);
  const [first, ...others] = config.perLayer(key)!;
  if (typeof first === 'number' && others.every((other) => other === first)) return first;
  throw config.wrong(key, config.get(key), 'the same number for all layers');
}

export const sparseFamilies: Readonly<Record<string, Family>> = {
  mixtral: { ...llamaFamily, names: { ...llamaFamily.names, ...mixtralExperts }, keys: expertKeys },
  qwen2_moe: {
    architecture: 'qwen2moe',
    names: qwenMoe,
    keys: fineExpertKeys,
    only: { ...silu, norm_topk_prob: [false], decoder_sparse_step: [1] },
  },
  qwen3_moe: {
    architecture: 'qwen3moe',
    names: qwenMoe,
    keys: fineExpertKeys,
    only: { ...silu, norm_topk_prob: [true], decoder_sparse_step: [1] },
  },
  deepseek_v2: { ...latent(1), only: { ...silu, topk_method: ['greedy'] } },
  deepseek_v3: { ...latent(2), only: { ...silu, scoring_func: ['sigmoid'] } },
  glm4_moe: {
    architecture: 'glm4moe',
    names: { ...llama, ...experts, post_attention_layernorm: 'post_attention_norm' },
    keys: weighedExperts(2),
    only: silu,
  },
  ernie4_5_moe: {
    architecture: 'ernie4_5-moe',
    names: {
      ...llama,
      ...experts,
      'mlp.moe_statics.e_score_correction_bias': at(
        'exp_probs_b.bias',
        as(({ shape }) => [shape.at(-1)!]),
      ),
    },
    keys: (config) => {
      const shared = config.count('moe_num_shared_experts', 0);
      return {
        ...fineExpertKeys(config),
        ...(shared > 0 && {
          expert_shared_feed_forward_length: shared * config.size('moe_intermediate_size'),
        }),
        leading_dense_block_count: config.count('moe_layer_start_index', 0),
        interleave_moe_layer_step: config.size('moe_layer_interval', 1),
      };
    },
    only: { ...silu, use_bias: [false] },
  },
  hunyuan_v1_moe: {
    architecture: 'hunyuan-moe',
    names: {
      ...llama,
      ...experts,
      'self_attn.query_layernorm': 'attn_q_norm',
      'self_attn.key_layernorm': 'attn_k_norm',
      'mlp.gate.wg': 'ffn_gate_inp',
      'mlp.shared_mlp.gate_proj': 'ffn_gate_shexp',
      'mlp.shared_mlp.up_proj': 'ffn_up_shexp',
      'mlp.shared_mlp.down_proj': 'ffn_down_shexp',
    },
    keys: (config) => ({
      expert_count: config.experts,
      expert_used_count: ofAllLayers(config, ['moe_topk', 'num_experts_per_tok']),
      expert_feed_forward_length: ofAllLayers(config, ['moe_intermediate_size', 'intermediate_size']),
      expert_shared_feed_forward_length: config.ffn,
    }),
    only: silu,
  },
  minimax_m2: {
    architecture: 'minimax-m2',
    names: { ...llama, ...experts, ...mixtralExperts },
    keys: (config) => ({
      ...expertKeys(config),
      expert_feed_forward_length: config.ffn,
      expert_gating_func: 2,
    }),
    only: { ...silu, scoring_func: ['sigmoid'] },
  },
  llama4_text: {
    architecture: 'llama4',
    names: {
      ...llama,
      'feed_forward.gate_proj': 'ffn_gate',
      'feed_forward.up_proj': 'ffn_up',
      'feed_forward.down_proj': 'ffn_down',
      'feed_forward.router': 'ffn_gate_inp',
      'feed_forward.experts.gate_up_proj': [
        at('ffn_gate_exps.weight', (matrix, use) => half(0)(flipped(matrix, use), use)),
        at('ffn_up_exps.weight', (matrix, use) => half(1)(flipped(matrix, use), use)),
      ],
      'feed_forward.experts.down_proj': at('ffn_down_exps.weight', flipped),
      'feed_forward.shared_expert.gate_proj': 'ffn_gate_shexp',
      'feed_forward.shared_expert.up_proj': 'ffn_up_shexp',
      'feed_forward.shared_expert.down_proj': 'ffn_down_shexp',
    },
    keys: (config) => ({
      ...expertKeys(config),
      feed_forward_length: config.size('intermediate_size_mlp'),
      expert_feed_forward_length: config.ffn,
      expert_shared_feed_forward_length: config.ffn,
      interleave_moe_layer_step: config.size('interleave_moe_layer_step', 1),
      'attention.sliding_window': config.size('attention_chunk_size', 8192),
    }),
    // What GGUF's architecture has fixed.
    only: {
      ...silu,
      attention_chunk_size: [8192],
      floor_scale: [8192],
      attn_scale: [0.1],
      attn_temperature_tuning: [true, 4],
    },
  },
  kimi_k2: { ...latent(2), only: { ...silu, scoring_func: ['sigmoid'] } },
  gpt_oss: {
    architecture: 'gpt-oss',
    names: { ...llama, post_attention_layernorm: 'post_attention_norm', ...gptOssExperts },
    period: 2,
    keys: (config) => ({ ...expertKeys(config), expert_feed_forward_length: config.ffn }),
    only: { ...silu, swiglu_limit: [7], swiglu_alpha: [1.702] },
  },
  granitemoe: {
    architecture: 'granitemoe',
    names: { ...llama, ...pairs, ...graniteExperts },
    keys: (config) => ({ ...granite(config), ...expertKeys(config) }),
    only: silu,
  },
  olmoe: {
    architecture: 'olmoe',
    limit: ({ heads, kvHeads }) =>
      heads === kvHeads
        ? null
        : `other readers of GGUF take OLMoE with as many KV heads as heads, not ${kvHeads} of ${heads}`,
    names: qwenMoe,
    keys: expertKeys,
    only: { ...silu, norm_topk_prob: [false], clip_qkv: [] },
  },
};
