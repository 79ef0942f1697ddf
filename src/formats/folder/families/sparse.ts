/** Families whose layers attend and have experts. */
import { type FolderConfig, float, type Keys } from '../config.js';
import type { Family } from '../family.js';
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
