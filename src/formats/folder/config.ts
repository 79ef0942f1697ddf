/** What a folder's config.json says in the words of GGUF, and how tensors are called there: a table per kind of model. */
import { FormatError, ModelError } from '../../core/errors.js';
import type { GgufInput } from '../gguf-writer.js';

export type Json = Readonly<Record<string, unknown>>;

export interface FolderConfig {
  readonly architecture: string;
  readonly metadata: Readonly<Record<string, GgufInput>>;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** RoPE turns pairs of neighbours, where the folder's rows have the halves of a head apart. */
  readonly pairsRope: boolean;
  /** Frequencies are divided by these, one for each pair; null for none. */
  readonly ropeFactors: Float32Array | null;
}

/** Model types of config.json whose tensors and keys are called alike. */
const kinds: Readonly<Record<string, { readonly architecture: string; readonly pairsRope: boolean }>> = {
  llama: { architecture: 'llama', pairsRope: true },
  mistral: { architecture: 'llama', pairsRope: true },
  qwen2: { architecture: 'qwen2', pairsRope: false },
  qwen3: { architecture: 'qwen3', pairsRope: false },
};

/** Tensors of a layer, `model.layers.N.` and `blk.N.` in front. */
const layerNames: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};
const otherNames: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** GGUF's name of a tensor, or undefined where it has none. */
export function ggufTensorName(name: string): string | undefined {
  const [, base, part] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  if (base === undefined) return undefined;
  const [, layer, inLayer] = /^model\.layers\.(\d+)\.(.*)$/.exec(base) ?? [];
  const known = inLayer === undefined ? otherNames[base] : layerNames[inLayer];
  if (known === undefined) return undefined;
  return `${inLayer === undefined ? '' : `blk.${layer}.`}${known}.${part}`;
}

/** Throws ModelError on a kind of model without a table, FormatError on values that are none. */
export function readFolderConfig(config: Json, file: string): FolderConfig {
  const type = String(config.model_type);
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (kind === undefined) {
    throw new ModelError({
      what: `${file}: model_type`,
      given: JSON.stringify(config.model_type),
      expected: `one of ${Object.keys(kinds).join(', ')}`,
      todo: 'Take a GGUF file of this model.',
    });
  }
  const number = (key: string, fallback?: number): number => {
    const value = config[key] ?? fallback;
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    throw wrong(file, key, value, 'a positive number');
  };
  refuseWhatGgufCannotSay(config, file);
  const { architecture, pairsRope } = kind;
  const hidden = number('hidden_size');
  const heads = number('num_attention_heads');
  const kvHeads = number('num_key_value_heads', heads);
  const headDim = number('head_dim', hidden / heads);
  const rope = (config.rope_parameters ?? config.rope_scaling ?? {}) as Json;
  const theta = Number(rope.rope_theta ?? config.rope_theta ?? 10_000);
  const float = (value: number): GgufInput => ({ type: 'f32', value });
  const keys: Record<string, GgufInput> = {
    block_count: number('num_hidden_layers'),
    context_length: number('max_position_embeddings'),
    embedding_length: hidden,
    feed_forward_length: number('intermediate_size'),
    vocab_size: number('vocab_size'),
    'attention.head_count': heads,
    'attention.head_count_kv': kvHeads,
    'attention.key_length': headDim,
    'attention.value_length': headDim,
    'attention.layer_norm_rms_epsilon': float(number('rms_norm_eps')),
    'rope.dimension_count': headDim,
    'rope.freq_base': float(theta),
    ...ropeScaling(rope, file),
  };
  return {
    architecture,
    metadata: Object.fromEntries(
      Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value]),
    ),
    heads,
    kvHeads,
    headDim,
    pairsRope,
    ropeFactors: (rope.rope_type ?? rope.type) === 'llama3' ? llama3Factors(rope, theta, headDim) : null,
  };
}

function wrong(file: string, key: string, value: unknown, expected: string): FormatError {
  return new FormatError({
    what: `${file}: ${key}`,
    given: value === undefined ? 'no such key' : JSON.stringify(value).slice(0, 80),
    expected,
    todo: 'Fetch the folder again.',
  });
}

/** A window or another activation changes every number: better no answer than another model's. */
function refuseWhatGgufCannotSay(config: Json, file: string): void {
  const window = config.use_sliding_window === false ? null : config.sliding_window;
  if (typeof window === 'number' && window < Number(config.max_position_embeddings))
    throw wrong(file, 'sliding_window', window, 'none');
  if (config.hidden_act !== undefined && config.hidden_act !== 'silu')
    throw wrong(file, 'hidden_act', config.hidden_act, '"silu"');
  if (config.quantization_config !== undefined)
    throw wrong(file, 'quantization_config', config.quantization_config, 'weights in F32, F16 or BF16');
}

function ropeScaling(rope: Json, file: string): Record<string, GgufInput> {
  const type = rope.rope_type ?? rope.type ?? 'default';
  if (type === 'default' || type === 'llama3') return {};
  if (type !== 'linear' && type !== 'yarn')
    throw wrong(file, 'rope_type', type, 'default, linear, yarn or llama3');
  const original = rope.original_max_position_embeddings;
  return {
    'rope.scaling.type': type,
    'rope.scaling.factor': { type: 'f32', value: Number(rope.factor) },
    ...(typeof original === 'number' && { 'rope.scaling.original_context_length': original }),
  };
}

/** Llama 3.1's stretch: slow pairs by the factor, fast ones not at all, and a slope in between. */
function llama3Factors(rope: Json, theta: number, headDim: number): Float32Array {
  const factor = Number(rope.factor);
  const [low, high] = [Number(rope.low_freq_factor), Number(rope.high_freq_factor)];
  const context = Number(rope.original_max_position_embeddings);
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const turns = context / (2 * Math.PI * theta ** ((2 * i) / headDim));
    if (turns < low) return factor;
    if (turns > high) return 1;
    const share = (turns - low) / (high - low);
    return 1 / ((1 - share) / factor + share);
  });
}
