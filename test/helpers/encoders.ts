/** Small models that make vectors and no text, one or more of each architecture. */
import type { SmallModel } from './architecture.js';

const float = (value: number) => ({ type: 'f32' as const, value });
const types = { 'token_types.weight': [2, 48] };
const rank = { 'cls.weight': [48, 48], 'cls.output.weight': [1, 48] };

export const encoders: readonly SmallModel[] = [
  { architecture: 'bert', has: /\.bias$/, shapes: types },
  { architecture: 'bert', has: /attn_qkv|\.bias$/, keys: { pooling_type: 2 } },
  { architecture: 'bert', has: /\.bias$/, shapes: { ...types, ...rank }, keys: { pooling_type: 4 } },
  {
    architecture: 'nomic-bert',
    has: /attn_qkv|norm\.bias/,
    shapes: types,
    keys: { pooling_type: 1, 'rope.freq_base': float(1000) },
  },
  {
    architecture: 'nomic-bert-moe',
    has: /attn_qkv|attn_output\.bias|norm\.bias|ffn_(up|down)\.bias|blk\.1\.ffn_(gate_inp|up_exps)\.weight/,
    keys: { pooling_type: 1, expert_count: 5, expert_used_count: 2 },
  },
  {
    architecture: 'jina-bert-v2',
    has: /attn_\w+\.bias|ffn_down\.bias|norm\.bias|ffn_gate\.weight/,
    shapes: types,
    keys: { pooling_type: 1 },
  },
  { architecture: 'jina-bert-v2', has: /\.bias$/, shapes: types, keys: { pooling_type: 1 } },
  { architecture: 'jina-bert-v3', has: /attn_qkv|\.bias$/, keys: { pooling_type: 1 } },
  {
    architecture: 'modern-bert',
    has: /attn_qkv|blk\.[1-9]\.attn_norm\.weight/,
    keys: { block_count: 4, 'attention.sliding_window': 10, 'rope.freq_base_swa': float(1000) },
  },
  {
    architecture: 'qwen3',
    has: /ffn_gate\.weight/,
    shapes: { 'cls.output.weight': [2, 48] },
    keys: { pooling_type: 4 },
  },
  {
    architecture: 'gemma-embedding',
    has: /ffn_gate\.weight/,
    shapes: { 'dense_2.weight': [96, 48], 'dense_3.weight': [48, 96] },
    keys: { pooling_type: 1, block_count: 7, 'attention.sliding_window': 12, 'rope.freq_base': float(1e6) },
  },
];
