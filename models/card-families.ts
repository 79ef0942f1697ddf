/**
 * What a `model_type` implies without saying so in config.json: facts about the public Hugging Face
 * implementations (transformers, `modeling_*.py` of each family), and the fields that change no shape.
 */

export interface Family {
  readonly known: boolean;
  readonly gated: boolean;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  /** `attention_bias` speaks of the output projection as well. */
  readonly outputBiasFollows: boolean;
  readonly mlpBias: boolean;
  readonly expertBias: boolean | null;
  readonly routerBias: boolean;
  readonly evenRouting: boolean;
  readonly headBias: boolean;
  readonly normBias: boolean;
  readonly normsPerLayer: number;
  readonly qkNorm: 'none' | 'perHead' | 'full';
  /** What `use_qk_norm: true` means. */
  readonly qkNormKind: 'none' | 'perHead' | 'full';
  readonly sinks: boolean;
  /** The query's projection also makes a gate on attention's output. */
  readonly outputGate: boolean;
  readonly tied: boolean;
  readonly learnedPositions: boolean;
  readonly sharedExperts: number;
  readonly sharedGate: boolean;
  /** Every n-th layer has full attention when a window is set. */
  readonly windowPattern: number | null;
  /** intermediate_size / hidden_size where the file does not say. */
  readonly defaultWidth: number;
  /** Sizes of the family's class where a file leaves them out. */
  readonly defaults: Readonly<Record<string, number>>;
  /** Further fields of this family that change no shape. */
  readonly neutral: readonly string[];
}

const LLAMA: Family = {
  known: true,
  gated: true,
  qkvBias: false,
  outputBias: false,
  outputBiasFollows: true,
  mlpBias: false,
  expertBias: null,
  routerBias: false,
  evenRouting: false,
  headBias: false,
  normBias: false,
  normsPerLayer: 2,
  qkNorm: 'none',
  qkNormKind: 'perHead',
  sinks: false,
  outputGate: false,
  tied: false,
  learnedPositions: false,
  sharedExperts: 0,
  sharedGate: false,
  windowPattern: null,
  defaultWidth: 4,
  defaults: {},
  neutral: [],
};

const QWEN2: Family = { ...LLAMA, qkvBias: true };
const QWEN3: Family = { ...LLAMA, qkNorm: 'perHead' };
const QWEN3_NEXT: Family = {
  ...QWEN3,
  sharedGate: true,
  outputGate: true,
  neutral: ['mamba_ssm_dtype', 'output_gate_type', 'mtp_num_hidden_layers', 'mtp_use_dedicated_embeddings'],
};
const GEMMA2: Family = { ...LLAMA, normsPerLayer: 4, tied: true, windowPattern: 2 };
/** Class defaults of transformers' configuration_gemma3.py, which the published files rely on. */
const GEMMA3: Family = {
  ...GEMMA2,
  qkNorm: 'perHead',
  windowPattern: 6,
  defaults: {
    vocab_size: 262_208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131_072,
    sliding_window: 4096,
  },
};
const GEMMA4: Family = {
  ...GEMMA2,
  qkNorm: 'perHead',
  neutral: ['use_bidirectional_attention', 'vocab_size_per_layer_input'],
};
const DEEPSEEK: Family = { ...LLAMA, routerBias: true, evenRouting: true };
const MINIMAX_M3: Family = {
  ...DEEPSEEK,
  qkNorm: 'perHead',
  neutral: ['use_routing_bias', 'swiglu_alpha', 'use_gemma_norm', 'dense_intermediate_size'],
};
const LAYER_NORM: Family = {
  ...LLAMA,
  gated: false,
  normBias: true,
  qkvBias: true,
  outputBias: true,
  mlpBias: true,
};

const LFM2 = [
  'block_dim',
  'block_ff_dim',
  'block_mlp_init_scale',
  'block_norm_eps',
  'block_out_init_scale',
  'block_use_swiglu',
  'block_use_xavier_init',
  'num_heads',
  'use_pos_enc',
  'theta',
  'use_expert_bias',
  'block_ffn_dim_multiplier',
];
const STATE_SPACE = [
  'time_step_floor',
  'time_step_limit',
  'time_step_max',
  'time_step_min',
  'time_step_scale',
  'time_step_rank',
  'rescale_prenorm_residual',
  'residual_in_fp32',
  'rms_norm',
  'use_mambapy',
  'use_associative_scan',
  'mixer_rms_eps',
  'intermediate_size',
];

const FAMILIES: Readonly<Record<string, Family>> = {
  llama: LLAMA,
  mistral: LLAMA,
  ministral: LLAMA,
  mixtral: { ...LLAMA, expertBias: false },
  granite: LLAMA,
  smollm3: { ...LLAMA, tied: true, neutral: ['no_rope_layers', 'no_rope_layer_interval'] },
  seed_oss: { ...QWEN2, outputBiasFollows: false },
  qwen2: QWEN2,
  qwen2_moe: { ...QWEN2, sharedGate: true },
  qwen3: QWEN3,
  qwen3_next: QWEN3_NEXT,
  qwen3_5: QWEN3_NEXT,
  qwen3_5_text: QWEN3_NEXT,
  qwen3_5_moe: QWEN3_NEXT,
  qwen3_5_moe_text: QWEN3_NEXT,
  qwen3_moe: { ...QWEN3, sharedGate: false },
  phi3: LLAMA,
  phimoe: { ...LLAMA, normBias: true, headBias: true },
  gemma: { ...LLAMA, tied: true },
  gemma2: GEMMA2,
  gemma3: GEMMA3,
  gemma3_text: GEMMA3,
  olmo: { ...LLAMA, normsPerLayer: 0 },
  olmo2: { ...LLAMA, qkNorm: 'full' },
  olmo3: { ...LLAMA, qkNorm: 'full', windowPattern: 4 },
  olmoe: { ...LLAMA, qkNorm: 'full' },
  exaone4: { ...LLAMA, qkNorm: 'perHead' },
  cohere: { ...LLAMA, normsPerLayer: 1, tied: true },
  cohere2: { ...LLAMA, normsPerLayer: 1, tied: true, windowPattern: 4 },
  stablelm: { ...LLAMA, normBias: true },
  starcoder2: { ...LAYER_NORM, tied: true },
  gpt_neox: { ...LAYER_NORM, neutral: ['use_parallel_residual', 'rotary_pct', 'rotary_emb_base'] },
  gpt2: { ...LAYER_NORM, tied: true, learnedPositions: true },
  phi: { ...LAYER_NORM, normsPerLayer: 1, headBias: true },
  opt: {
    ...LAYER_NORM,
    tied: true,
    learnedPositions: true,
    neutral: ['word_embed_proj_dim', 'do_layer_norm_before'],
  },
  bloom: { ...LAYER_NORM, tied: true },
  falcon: {
    ...LLAMA,
    gated: false,
    normBias: true,
    normsPerLayer: 1,
    neutral: [
      'parallel_attn',
      'apply_residual_connection_post_layernorm',
      'num_kv_heads',
      'num_ln_in_parallel_attn',
    ],
  },
  dbrx: { ...LLAMA, normsPerLayer: 2, neutral: ['kv_n_heads'] },
  nemotron: { ...LLAMA, gated: false, normBias: true },
  deepseek_v2: LLAMA,
  deepseek_v3: DEEPSEEK,
  deepseek_v32: DEEPSEEK,
  kimi_k2: DEEPSEEK,
  glm4: { ...LLAMA, normsPerLayer: 4, outputBiasFollows: false },
  glm4_moe: { ...DEEPSEEK, outputBiasFollows: false },
  glm_moe_dsa: {
    ...DEEPSEEK,
    // Layers that take another's scores have no scorer of their own: below 0.1 % of the weights.
    neutral: ['indexer_types', 'index_share_for_mtp_iteration', 'index_skip_topk_offset', 'index_topk_freq'],
  },
  minimax_m3: MINIMAX_M3,
  minimax_m3_text: MINIMAX_M3,
  minimax_m3_vl: MINIMAX_M3,
  mimo_v2_flash: {
    ...DEEPSEEK,
    neutral: [
      'add_swa_attention_sink_bias',
      'swa_rope_theta',
      'add_full_attention_sink_bias',
      'attention_value_scale',
      'sliding_window_size',
    ],
  },
  step3p7: { ...DEEPSEEK, qkNorm: 'perHead', neutral: ['use_moe_router_bias', 'moe_router_scaling_factor'] },
  gemma4: GEMMA4,
  gemma4_text: GEMMA4,
  'nemotron-nas': LLAMA,
  minimax_m2: { ...DEEPSEEK, qkNorm: 'full', neutral: ['use_routing_bias'] },
  ernie4_5: LLAMA,
  ernie4_5_moe: { ...DEEPSEEK, neutral: ['moe_capacity', 'moe_use_aux_free', 'moe_layer_end_index'] },
  granitemoe: LLAMA,
  granitemoehybrid: {
    ...LLAMA,
    tied: true,
    neutral: [
      'mamba_chunk_size',
      'mamba_d_conv',
      'mamba_d_head',
      'mamba_d_state',
      'mamba_expand',
      'mamba_n_groups',
      'mamba_n_heads',
    ],
  },
  lfm2: { ...LLAMA, tied: true, qkNorm: 'perHead', neutral: LFM2 },
  lfm2_moe: { ...LLAMA, tied: true, qkNorm: 'perHead', routerBias: true, neutral: LFM2 },
  kimi_linear: {
    ...DEEPSEEK,
    neutral: [
      'activation_situ_beta',
      'activation_situ_linear_beta',
      'attn_res_block_size',
      'latent_moe_use_norm',
      'moe_renormalize',
      'mla_use_nope',
      'moe_layer_freq',
      'moe_router_activation_func',
      'use_grouped_topk',
      'num_expert_group',
    ],
  },
  nemotron_h: {
    ...LLAMA,
    gated: false,
    normsPerLayer: 1,
    routerBias: true,
    neutral: [
      'moe_shared_expert_overlap',
      'mtp_layers_block_type',
      'mtp_hybrid_override_pattern',
      'use_mamba_kernels',
      'chunk_size',
      'use_conv_bias',
      'time_step_floor',
      'time_step_limit',
      'time_step_max',
      'time_step_min',
      'time_step_rank',
      'mamba_hidden_act',
      'num_logits_to_keep',
      'rescale_prenorm_residual',
      'residual_in_fp32',
      'sliding_window',
      'norm_eps',
    ],
  },
  jamba: {
    ...LLAMA,
    tied: false,
    neutral: [
      'attn_layer_offset',
      'expert_layer_offset',
      'num_logits_to_keep',
      'calc_logits_for_entire_prompt',
    ],
  },
  mamba2: { ...LLAMA, normsPerLayer: 1, neutral: STATE_SPACE },
  mamba: { ...LLAMA, normsPerLayer: 1, tied: true, neutral: STATE_SPACE },
  falcon_mamba: { ...LLAMA, normsPerLayer: 1, tied: true, neutral: STATE_SPACE },
  gpt_oss: { ...LLAMA, qkvBias: true, outputBias: true, sinks: true, expertBias: true, routerBias: true },
  llama4: { ...LLAMA, sharedExperts: 1, windowPattern: 4, qkNormKind: 'none' },
  llama4_text: { ...LLAMA, sharedExperts: 1, windowPattern: 4, qkNormKind: 'none' },
};

/** The family of a model_type; an unknown one is taken for Llama-like and says so in `known`. */
export function familyOf(modelType: string): Family {
  return Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType]! : { ...LLAMA, known: false };
}

/** Fields that say how weights are used, not how many there are. */
const NEUTRAL = new Set([
  'architectures',
  'model_type',
  'auto_map',
  'torch_dtype',
  'dtype',
  'transformers_version',
  '_name_or_path',
  'hidden_act',
  'hidden_activation',
  'activation_function',
  'use_cache',
  'rms_norm_eps',
  'norm_eps',
  'layer_norm_eps',
  'layer_norm_epsilon',
  'layernorm_epsilon',
  'norm_epsilon',
  'initializer_range',
  'initializer_factor',
  'pretraining_tp',
  'ep_size',
  'aux_loss_alpha',
  'seq_aux',
  'rope_theta',
  'rope_scaling',
  'rope_parameters',
  'rope_local_base_freq',
  'rope_interleave',
  'rope_type',
  'rotary_dim',
  'partial_rotary_factor',
  'indexer_rope_interleave',
  'position_embedding_type',
  'original_max_position_embeddings',
  'model_max_length',
  'n_ctx',
  'alibi',
  'rope_in_float32',
  'initial_context_length',
  'n_group',
  'topk_group',
  'topk_method',
  'scoring_func',
  'score_func',
  'norm_topk_prob',
  'routed_scaling_factor',
  'router_aux_loss_coef',
  'router_z_loss_coef',
  'output_router_logits',
  'router_jitter_noise',
  'input_jitter_noise',
  'swiglu_limit',
  'normalize_router_weights',
  'num_nextn_predict_layers',
  'num_mtp_modules',
  'use_mtp',
  'mtp_transformer_layers',
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'query_pre_attn_scalar',
  'logit_scale',
  'attn_scale',
  'floor_scale',
  'attn_temperature_tuning',
  'embedding_multiplier',
  'logits_scaling',
  'residual_multiplier',
  'attention_multiplier',
  'scale_depth',
  'scale_emb',
  'dim_model_base',
  'clip_qkv',
  'max_window_layers',
  'use_sliding_window',
  'chunk_size_feed_forward',
  'attn_implementation',
  '_attn_implementation',
  'use_parallel_residual',
  'no_rope_layers',
  'no_rope_layer_interval',
  'mscale',
  'scale_attn_weights',
  'problem_type',
  'prefix',
  'finetuning_task',
  // Defaults of generation that older releases of transformers wrote into every config.json.
  'num_return_sequences',
  'num_beams',
  'num_beam_groups',
  'max_length',
  'min_length',
  'length_penalty',
  'repetition_penalty',
  'diversity_penalty',
  'no_repeat_ngram_size',
  'encoder_no_repeat_ngram_size',
  'temperature',
  'top_k',
  'top_p',
  'typical_p',
  'do_sample',
  'early_stopping',
  'remove_invalid_values',
  'begin_suppress_tokens',
  'suppress_tokens',
  'bad_words_ids',
  'exponential_decay_length_penalty',
  'cross_attention_hidden_size',
  'add_cross_attention',
  'tie_encoder_decoder',
  'is_decoder',
  'tokenizer_class',
  'torchscript',
  'use_bfloat16',
  'tf_legacy_loss',
  'pruned_heads',
  'return_dict',
  'return_dict_in_generate',
  'is_encoder_decoder',
  'id2label',
  'label2id',
  'task_specific_params',
  'language',
  'license',
  'embd_pdrop',
  'attn_pdrop',
  'resid_pdrop',
  'summary_type',
  'summary_use_proj',
  'summary_first_dropout',
  'for_fast',
  'unsloth_fixed',
]);

const NEUTRAL_PATTERNS = [
  /^layernorm_\w+_(alpha|beta)$/,
  /^moe_(gate|capacity|dropout)/,
  /_token(_id|s)?$/,
  /_token_ids?$/,
  /dropout/,
  /_(loss_)?coef$/,
  /^rotary_/,
  /^rope_/,
  /^summary_/,
  /^output_/,
];

/** Names of text fields that choose between kinds of layers. */
const SHAPE_WORDS =
  /(mlp|ffn|attn|attention|layer|block|expert|mixer|hybrid|override)\w*_?(type|pattern|arch|kind)/;

/** True where a field (or this value of it) cannot change the number or the shape of a text model's weights. */
export function isNeutral(field: string, value: unknown): boolean {
  if (value === null || value === false || value === 0) return true;
  if (typeof value === 'object' && Object.keys(value).length === 0) return true;
  // MiniMax marks layers of softmax attention with 1 and linear ones with 0.
  if (field === 'attn_type_list') return Array.isArray(value) && value.every((type) => type === 1);
  if (typeof value === 'string') return value === 'default' || !SHAPE_WORDS.test(field);
  return NEUTRAL.has(field) || NEUTRAL_PATTERNS.some((pattern) => pattern.test(field));
}
