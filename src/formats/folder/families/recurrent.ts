/** Families whose layers, or some of them, remember instead of attending. */
import type { FolderConfig, Keys } from '../config.js';
import { at, type Family, half, type Names } from '../family.js';
import { attention, lessOne, llama, pairs } from '../names.js';
import {
  besideKeys,
  deltaKeys,
  deltaNames,
  falconKeys,
  falconOutside,
  falconScales,
  mamba1Keys,
  mamba2Keys,
  scan,
  shortConv,
} from '../scans.js';
import {
  expertKeys,
  fineExpertKeys,
  granite,
  graniteExperts,
  outputLessOne,
  qwenMoe,
  silu,
} from './parts.js';

/** Layers without KV heads do not attend. */
const kvOnly = (config: FolderConfig, attends: (type: string) => boolean): Keys => {
  const types = config.layerTypes ?? [];
  return { 'attention.head_count_kv': types.map((type) => (attends(type) ? config.kvHeads : 0)) };
};

/** The MLP that all tokens share, which is all there is in models without experts. */
const graniteShared = (suffix: string): Names => ({
  'shared_mlp.input_linear': [at(`ffn_gate${suffix}`, half(0)), at(`ffn_up${suffix}`, half(1))],
  'shared_mlp.output_linear': `ffn_down${suffix}`,
});

const graniteHybrid = (hasExperts: boolean): Family => ({
  architecture: 'granitehybrid',
  names: {
    ...llama,
    ...pairs,
    ...graniteExperts,
    ...graniteShared(hasExperts ? '_shexp' : ''),
    ...scan('mamba', (config) => config.size('mamba_n_groups', 1)),
  },
  only: silu,
  keys: (config) => ({
    ...granite(config),
    ...besideKeys(config),
    ...kvOnly(config, (type) => /attention/.test(type) && type !== 'linear_attention'),
    ...(hasExperts
      ? { ...expertKeys(config), expert_shared_feed_forward_length: config.size('shared_intermediate_size') }
      : { feed_forward_length: config.size('shared_intermediate_size') }),
    ...(config.get('position_embedding_type') !== 'rope' && { 'rope.scaling.finetuned': false }),
  }),
});

const lfm2: Names = {
  ...attention,
  operator_norm: 'attn_norm',
  ffn_norm: 'ffn_norm',
  'self_attn.q_layernorm': 'attn_q_norm',
  'self_attn.k_layernorm': 'attn_k_norm',
  'self_attn.out_proj': 'attn_output',
  ...shortConv,
  'feed_forward.w1': 'ffn_gate',
  'feed_forward.w3': 'ffn_up',
  'feed_forward.w2': 'ffn_down',
  'feed_forward.gate': 'ffn_gate_inp',
  'feed_forward.expert_bias': 'exp_probs_b.bias',
  'feed_forward.experts.#.w1': 'ffn_gate_exps',
  'feed_forward.experts.#.w3': 'ffn_up_exps',
  'feed_forward.experts.#.w2': 'ffn_down_exps',
};

const lfm2Outside: Names = { embedding_norm: 'token_embd_norm' };

const lfm2Keys = (config: FolderConfig): Keys => {
  const full = config.get('full_attn_idxs');
  const types =
    config.layerTypes ??
    Array.from({ length: config.layers }, (_, l) =>
      Array.isArray(full) && full.includes(l) ? 'full_attention' : 'conv',
    );
  return {
    'shortconv.l_cache': config.size('conv_L_cache'),
    'attention.head_count_kv': types.map((type) => (type === 'full_attention' ? config.kvHeads : 0)),
  };
};

/** LFM2 makes its MLP of another size than it says. */
const lfm2Ffn = (config: FolderConfig): number => {
  let size = config.size(['block_ff_dim', 'intermediate_size']);
  if (!config.flag('block_auto_adjust_ff_dim', true)) return size;
  size = Math.floor((2 * size) / 3);
  size = Math.floor(size * config.number('block_ffn_dim_multiplier', 1));
  const multiple = config.size('block_multiple_of', 256);
  return multiple * Math.ceil(size / multiple);
};

const mamba = (headsOnly: boolean): Names => ({
  ...scan('mixer', (config) => config.size('n_groups', 1), headsOnly),
  norm: 'attn_norm',
});

export const recurrentFamilies: Readonly<Record<string, Family>> = {
  qwen3_next: {
    architecture: 'qwen3next',
    names: {
      ...lessOne({ ...qwenMoe, post_attention_layernorm: 'post_attention_norm' }),
      ...deltaNames,
    },
    outside: outputLessOne,
    keys: (config) => ({ ...fineExpertKeys(config), ...deltaKeys(config) }),
    only: { ...silu, norm_topk_prob: [true], decoder_sparse_step: [1] },
  },
  falcon_h1: {
    architecture: 'falcon-h1',
    names: {
      ...llama,
      ...scan('mamba', (config) => config.size('mamba_n_groups', 1)),
      'pre_ff_layernorm.weight': 'ffn_norm',
      ...falconScales,
    },
    outside: falconOutside,
    keys: falconKeys,
    only: silu,
  },
  granitemoehybrid: graniteHybrid(true),
  'granitemoehybrid without experts': graniteHybrid(false),
  lfm2: {
    architecture: 'lfm2',
    names: lfm2,
    outside: lfm2Outside,
    keys: (config) => ({ ...lfm2Keys(config), feed_forward_length: lfm2Ffn(config) }),
    only: { conv_bias: [false] },
  },
  lfm2_moe: {
    architecture: 'lfm2moe',
    names: lfm2,
    outside: lfm2Outside,
    keys: (config) => ({
      ...lfm2Keys(config),
      ...fineExpertKeys(config),
      leading_dense_block_count: config.count('num_dense_layers', 0),
      expert_gating_func: 2,
    }),
    only: { conv_bias: [false], norm_topk_prob: [true] },
  },
  mamba: { architecture: 'mamba', writtenAs: 'f16', names: mamba(false), keys: mamba1Keys, only: silu },
  falcon_mamba: {
    architecture: 'mamba',
    writtenAs: 'f16',
    names: mamba(false),
    keys: (config) => ({ ...mamba1Keys(config), 'ssm.dt_b_c_rms': true }),
    only: silu,
  },
  mamba2: {
    architecture: 'mamba2',
    writtenAs: 'f16',
    names: mamba(true),
    keys: mamba2Keys,
    only: silu,
  },
};
