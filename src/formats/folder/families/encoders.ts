/** Families that make vectors: every position sees all. */
import { type FolderConfig, float, type Keys } from '../config.js';
import { at, type Family, type Names, rows } from '../family.js';

/** Whether a classifier behind the vector says how well two texts go together. */
export const isRanker = (config: FolderConfig): boolean =>
  [config.get('architectures')].flat().some((name) => /ForSequenceClassification$/.test(String(name)));

const keys = (config: FolderConfig): Keys => ({
  'attention.causal': false,
  ...(isRanker(config) && { pooling_type: 4 }),
});

const words: Names = {
  'embeddings.word_embeddings': 'token_embd',
  'embeddings.token_type_embeddings': 'token_types',
  'embeddings.LayerNorm': 'token_embd_norm',
};

/** A classifier's products; the first is BERT's pooler. */
const classifier: Names = {
  'pooler.dense': 'cls',
  classifier: 'cls.output',
  'classifier.dense': 'cls',
  'classifier.out_proj': 'cls.output',
};

const bertNames: Names = {
  'attention.self.query': 'attn_q',
  'attention.self.key': 'attn_k',
  'attention.self.value': 'attn_v',
  'attention.output.dense': 'attn_output',
  'attention.output.LayerNorm': 'attn_output_norm',
  'intermediate.dense': 'ffn_up',
  'output.dense': 'ffn_down',
  'output.LayerNorm': 'layer_output_norm',
};

const bert: Family = {
  architecture: 'bert',
  names: bertNames,
  outside: { ...words, ...classifier, 'embeddings.position_embeddings': 'position_embd' },
  keys,
  only: { hidden_act: ['gelu'], position_embedding_type: ['absolute'] },
};

/** Positions begin behind that of the padding. */
const roberta: Family = {
  ...bert,
  outside: {
    ...bert.outside,
    'embeddings.position_embeddings': at(
      'position_embd',
      rows((config, { shape }) => {
        const first = config.count('pad_token_id', 1) + 1;
        return [shape[0]!, first, shape[0]! - first];
      }),
    ),
  },
  keys: (config) => ({
    ...keys(config),
    context_length: config.context - config.count('pad_token_id', 1) - 1,
  }),
};

const sums: Names = {
  post_attention_layernorm: 'attn_output_norm',
  post_mlp_layernorm: 'layer_output_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
};

export const encoderFamilies: Readonly<Record<string, Family>> = {
  bert,
  roberta,
  'xlm-roberta': roberta,
  nomic_bert: {
    architecture: 'nomic-bert',
    names: { ...sums, 'mlp.gate_proj': 'ffn_gate', 'mlp.up_proj': 'ffn_up', 'mlp.down_proj': 'ffn_down' },
    outside: { ...words, ...classifier },
    keys,
    only: { hidden_act: ['silu'] },
  },
  jina_embeddings_v3: {
    architecture: 'jina-bert-v3',
    names: { ...sums, 'mlp.fc1': 'ffn_up', 'mlp.fc2': 'ffn_down' },
    outside: { ...words, ...classifier },
    keys,
    only: { hidden_act: ['gelu'] },
  },
  modernbert: {
    architecture: 'modern-bert',
    names: {
      attn_norm: 'attn_norm',
      'attn.Wqkv': 'attn_qkv',
      'attn.Wo': 'attn_output',
      mlp_norm: 'ffn_norm',
      'mlp.Wi': 'ffn_up',
      'mlp.Wo': 'ffn_down',
    },
    outside: {
      'embeddings.tok_embeddings': 'token_embd',
      'embeddings.norm': 'token_embd_norm',
      final_norm: 'output_norm',
      'head.dense': 'cls',
      'head.norm': 'cls.norm',
      classifier: 'cls.output',
    },
    keys: (config) => ({
      ...keys(config),
      hidden_act: String(config.get('hidden_activation') ?? 'gelu'),
      'attention.sliding_window': config.size('local_attention', 128),
      'rope.freq_base': float(thetaOf(config, 'full_attention', 'global_rope_theta', 160_000)),
      'rope.freq_base_swa': float(thetaOf(config, 'sliding_attention', 'local_rope_theta', 10_000)),
      ...(isRanker(config) && {
        'classifier.pooling_type': config.get('classifier_pooling') === 'mean' ? 1 : 2,
      }),
    }),
    only: {
      hidden_activation: ['gelu', 'silu'],
      global_attn_every_n_layers: [3],
      attention_bias: [false],
      mlp_bias: [false],
      norm_bias: [false],
    },
  },
};

/** Newer folders say it for each kind of layer, older ones in keys of its own. */
function thetaOf(config: FolderConfig, kind: string, key: string, usual: number): number {
  const kinds = config.get('rope_parameters') as
    | Readonly<Record<string, { rope_theta?: unknown }>>
    | undefined;
  const theta = kinds?.[kind]?.rope_theta ?? config.get(key) ?? usual;
  if (typeof theta === 'number' && theta > 0) return theta;
  throw config.wrong(key, theta, 'a positive number');
}
