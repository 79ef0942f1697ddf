/** Families whose layers attend and have one MLP. */
import { float } from '../config.js';
import { at, type Family, flipped, type Names } from '../family.js';
import { lessOne, llama, llamaNorms, pairs, takingTurns } from '../names.js';
import { ropeSettings } from '../rope.js';
import { granite, llamaFamily, outputLessOne, silu } from './parts.js';

const geluTanh = ['gelu_pytorch_tanh', 'gelu_new', 'gelu_fast', 'gelu_tanh'];

/** Norms behind each half, and none or others in front. */
const normsBehind: Names = {
  post_attention_layernorm: 'post_attention_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
};

const gemmaNames: Names = { ...llama, ...normsBehind, pre_feedforward_layernorm: 'ffn_norm' };

const qwen: Family = { architecture: 'qwen2', names: llama, only: silu };

const neox: Names = {
  ...llamaNorms,
  input_layernorm: 'attn_norm',
  'attention.query_key_value': [0, 1, 2].map((part) => at('attn_qkv', takingTurns(part as 0 | 1 | 2))),
  'attention.dense': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.dense_h_to_4h': 'ffn_up',
  'mlp.dense_4h_to_h': 'ffn_down',
};

export const denseFamilies: Readonly<Record<string, Family>> = {
  llama: llamaFamily,
  mistral: llamaFamily,
  ministral: llamaFamily,
  qwen2: qwen,
  qwen3: { ...qwen, architecture: 'qwen3' },
  seed_oss: {
    architecture: 'seed_oss',
    names: { ...llama, post_attention_layernorm: 'post_attention_norm' },
    only: silu,
  },
  smollm3: { architecture: 'smollm3', names: { ...llama, ...pairs }, only: silu },
  gemma: {
    architecture: 'gemma',
    names: lessOne(llama),
    outside: outputLessOne,
    only: { use_bidirectional_attention: [false], hidden_activation: geluTanh },
  },
  gemma2: {
    architecture: 'gemma2',
    names: lessOne(gemmaNames),
    outside: outputLessOne,
    period: 2,
    keys: (config) => ({
      attn_logit_softcapping: float(config.number('attn_logit_softcapping', 0)),
      final_logit_softcapping: float(config.number('final_logit_softcapping', 0)),
    }),
    only: { use_bidirectional_attention: [false], hidden_activation: geluTanh },
  },
  gemma3_text: {
    architecture: 'gemma3',
    names: lessOne(gemmaNames),
    outside: outputLessOne,
    period: 6,
    keys: (config) => ({ final_logit_softcapping: float(config.number('final_logit_softcapping', 0)) }),
    only: { use_bidirectional_attention: [false], attn_logit_softcapping: [], hidden_activation: geluTanh },
  },
  'gemma3_text that sees both ways': {
    architecture: 'gemma-embedding',
    names: lessOne(gemmaNames),
    outside: { ...outputLessOne, dense_2: 'dense_2', dense_3: 'dense_3' },
    period: 6,
    keys: () => ({ 'attention.causal': false }),
    only: { attn_logit_softcapping: [], hidden_activation: geluTanh },
  },
  // Squared ReLU, and no gate.
  arcee: { architecture: 'arcee', names: { ...llama, ...pairs }, only: { hidden_act: ['relu2'] } },
  cohere: {
    architecture: 'command-r',
    names: llama,
    keys: (config) => ({ logit_scale: float(config.number('logit_scale')) }),
    only: silu,
  },
  cohere2: {
    architecture: 'cohere2',
    names: llama,
    period: 4,
    turnsInWindows: true,
    keys: (config) => ({ logit_scale: float(config.number('logit_scale')) }),
    only: silu,
  },
  ernie4_5: { architecture: 'ernie4_5', names: llama, only: { ...silu, use_bias: [false] } },
  exaone4: {
    architecture: 'exaone4',
    names: { ...llama, ...normsBehind },
    period: 4,
    turnsInWindows: true,
    only: silu,
  },
  glm: { architecture: 'chatglm', names: llama, only: silu },
  glm4: {
    architecture: 'glm4',
    names: {
      ...llama,
      post_self_attn_layernorm: 'post_attention_norm',
      post_mlp_layernorm: 'post_ffw_norm',
    },
    only: silu,
  },
  gpt_neox: {
    architecture: 'gptneox',
    names: neox,
    keys: (config) => ({ use_parallel_residual: config.flag('use_parallel_residual', true) }),
    only: { hidden_act: ['gelu', 'gelu_fast', 'gelu_new', ...geluTanh] },
  },
  gpt2: {
    architecture: 'gpt2',
    names: {
      ln_1: 'attn_norm',
      'attn.c_attn': at('attn_qkv', flipped),
      'attn.c_proj': at('attn_output', flipped),
      ln_2: 'ffn_norm',
      'mlp.c_fc': at('ffn_up', flipped),
      'mlp.c_proj': at('ffn_down', flipped),
    },
    only: {
      activation_function: geluTanh,
      scale_attn_by_inverse_layer_idx: [false],
      scale_attn_weights: [true],
    },
  },
  granite: { architecture: 'granite', names: { ...llama, ...pairs }, keys: granite, only: silu },
  hunyuan_v1_dense: {
    architecture: 'hunyuan-dense',
    names: {
      ...llama,
      'self_attn.query_layernorm': 'attn_q_norm',
      'self_attn.key_layernorm': 'attn_k_norm',
    },
    only: silu,
  },
  ministral3: {
    architecture: 'mistral3',
    names: { ...llama, ...pairs },
    keys: (config) => {
      const { llama_4_scaling_beta: beta } = ropeSettings(config);
      return typeof beta === 'number' ? { 'attention.temperature_scale': float(beta) } : {};
    },
    only: silu,
  },
  nemotron: {
    architecture: 'nemotron',
    names: lessOne(llama),
    outside: outputLessOne,
    only: { hidden_act: ['relu2'] },
  },
  olmo: {
    architecture: 'olmo',
    names: { ...llama, ...pairs },
    keys: (config) => ({ 'attention.clamp_kqv': float(config.number('clip_qkv', 0)) }),
    only: silu,
  },
  olmo2: { architecture: 'olmo2', names: { ...llama, ...normsBehind }, only: silu },
  olmo3: { architecture: 'olmo2', names: { ...llama, ...normsBehind }, period: 4, only: silu },
  phi: {
    architecture: 'phi2',
    names: {
      ...llama,
      'self_attn.dense': 'attn_output',
      'mlp.fc1': 'ffn_up',
      'mlp.fc2': 'ffn_down',
    },
    only: { hidden_act: geluTanh, qk_layernorm: [false] },
  },
  phi3: {
    architecture: 'phi3',
    names: { ...llama, 'self_attn.qkv_proj': 'attn_qkv' },
    only: silu,
  },
  stablelm: {
    architecture: 'stablelm',
    names: {
      ...llama,
      'self_attn.q_layernorm.norms.#': 'attn_q_norm',
      'self_attn.k_layernorm.norms.#': 'attn_k_norm',
    },
    only: silu,
  },
  starcoder2: {
    architecture: 'starcoder2',
    names: { ...llama, 'mlp.c_fc': 'ffn_up', 'mlp.c_proj': 'ffn_down' },
    only: { hidden_act: geluTanh },
  },
};
