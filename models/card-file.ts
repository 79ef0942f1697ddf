/** Cards as files: `models/cards/*.json` (a shape with its source), and GGUF metadata. */
import { FormatError, ModelError } from '../src/core/errors.js';
import { TAGS, type Tag } from '../src/core/provenance.js';
import type { ModelCard, StoredBits } from './card.js';
import { widthOf } from './card-bits.js';
import { cardFromConfig } from './card-config.js';

/** The names of the cards that come with the package, as in `models/cards/NAME.json`. */
export const CARD_NAMES = [
  'llama-3.1-8b',
  'llama-3.1-70b',
  'llama-3.1-405b',
  'llama-4-scout',
  'llama-4-maverick',
  'llama-2-13b',
  'codellama-34b',
  'qwen2-72b',
  'qwen2.5-72b',
  'qwen3-0.6b',
  'qwen3-1.7b',
  'qwen3-4b',
  'qwen3-8b',
  'qwen3-32b',
  'qwen3-30b-a3b',
  'qwen3-235b-a22b',
  'qwen3-coder-480b-a35b',
  'mixtral-8x7b',
  'gpt-oss-20b',
  'gpt-oss-120b',
  'deepseek-r1',
  'deepseek-v3',
  'kimi-k2',
  'kimi-k2.5',
  'glm-4.7',
  'glm-5',
  'codex-spark-like',
] as const;

/**
 * A parsed card file, or a bare Hugging Face config.json.
 *
 * @throws FormatError or ModelError, as `cardFromConfig`
 */
export function cardFromJson(json: unknown, name: string): ModelCard {
  if (typeof json !== 'object' || json === null || !('config' in json)) {
    return cardFromConfig(json, { name, source: `${name}, read as a Hugging Face config.json` });
  }
  const file = json as Readonly<Record<string, unknown>>;
  const notes = Array.isArray(file.notes) ? file.notes.map(String) : [];
  const tag = TAGS.find((t): t is Tag => t === file.tag);
  if (file.tag !== undefined && tag === undefined) {
    throw new FormatError({
      what: `card ${name}, field "tag"`,
      given: JSON.stringify(file.tag),
      expected: `one of ${TAGS.join(', ')}`,
      todo: 'Say how well the shape is known.',
    });
  }
  return cardFromConfig(file.config, {
    name: typeof file.name === 'string' ? file.name : name,
    source: typeof file.source === 'string' ? file.source : name,
    ...(tag ? { tag } : {}),
    notes,
  });
}

/** GGUF architecture names where they differ from `model_type` (llama.cpp, `llama-arch.cpp`). */
const MODEL_TYPES: Readonly<Record<string, string>> = {
  qwen2moe: 'qwen2_moe',
  qwen3moe: 'qwen3_moe',
  'gpt-oss': 'gpt_oss',
  deepseek2: 'deepseek_v3',
  glm4moe: 'glm4_moe',
  gptneox: 'gpt_neox',
  phi2: 'phi',
  gemma3: 'gemma3_text',
};

/** Architecture keys of GGUF metadata, without the architecture's prefix, and their config.json names. */
const KEYS: Readonly<Record<string, string>> = {
  embedding_length: 'hidden_size',
  block_count: 'num_hidden_layers',
  feed_forward_length: 'intermediate_size',
  'attention.head_count': 'num_attention_heads',
  'attention.head_count_kv': 'num_key_value_heads',
  context_length: 'max_position_embeddings',
  expert_count: 'num_experts',
  expert_used_count: 'num_experts_per_tok',
  expert_feed_forward_length: 'moe_intermediate_size',
  expert_shared_count: 'n_shared_experts',
  expert_shared_feed_forward_length: 'shared_expert_intermediate_size',
  leading_dense_block_count: 'first_k_dense_replace',
  'attention.sliding_window': 'sliding_window',
  'attention.kv_lora_rank': 'kv_lora_rank',
  'attention.q_lora_rank': 'q_lora_rank',
};

export interface GgufShape {
  /** The value of a metadata key, undefined where it is absent. */
  readonly get: (key: string) => unknown;
  /** Whether the file has an `output.weight` of its own. */
  readonly hasOutput: boolean;
  /** Stored bits of the tensors of each part; undefined for a part that has none. */
  readonly storedBits: Partial<StoredBits>;
  readonly vocabSize: number;
}

/** The card of a GGUF file from its metadata. */
export function cardFromGguf(gguf: GgufShape, name: string): ModelCard {
  const architecture = gguf.get('general.architecture');
  if (typeof architecture !== 'string') {
    throw new ModelError({
      what: `GGUF file ${name}, key "general.architecture"`,
      given: JSON.stringify(architecture ?? null),
      expected: 'a string',
      todo: 'Pass a GGUF file of a language model.',
    });
  }
  const config: Record<string, unknown> = {
    model_type: MODEL_TYPES[architecture] ?? architecture,
    vocab_size: gguf.vocabSize,
    tie_word_embeddings: !gguf.hasOutput,
  };
  const number = (key: string): number | undefined => {
    const value = gguf.get(`${architecture}.${key}`);
    return value === undefined ? undefined : Number(value);
  };
  for (const [key, field] of Object.entries(KEYS)) {
    const value = number(key);
    if (value !== undefined) config[field] = value;
  }
  const key = number('attention.key_length');
  if (key !== undefined) config.head_dim = key;
  const latentKey = number('attention.key_length_mla');
  const rope = number('rope.dimension_count');
  if (config.kv_lora_rank !== undefined && latentKey !== undefined && rope !== undefined) {
    config.qk_rope_head_dim = rope;
    config.qk_nope_head_dim = latentKey - rope;
    config.v_head_dim = number('attention.value_length_mla');
  }
  const card = cardFromConfig(config, { name, source: `metadata of the GGUF file ${name}` });
  const { head = 16, experts, mlp, attention } = gguf.storedBits;
  const layers = experts ?? mlp ?? attention ?? head;
  const storedBits = { attention: layers, mlp: layers, experts: layers, head, ...gguf.storedBits };
  // Most of a layer's weights decide at which width they are multiplied.
  return { ...card, weightBits: widthOf(layers), storedBits };
}
