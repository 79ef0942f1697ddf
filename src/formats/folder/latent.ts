/** Latent attention in folders (DeepSeek V2, V3 and after): matrices by head, and the sizes before and after compression. */

import { columnsOf, part, shaped, transposed } from '../matrix.js';
import type { FolderConfig, Keys } from './config.js';
import { at, type Change, type Names, turnedEnds } from './family.js';

export const latentTurning = (config: FolderConfig): number => config.size('qk_rope_head_dim');
const still = (config: FolderConfig): number => config.size('qk_nope_head_dim');
const value = (config: FolderConfig): number => config.size('v_head_dim');
const rank = (config: FolderConfig): number => config.size('kv_lora_rank');
const key = (config: FolderConfig): number => still(config) + latentTurning(config);

/** Keys or values out of the matrix that has both for every head. */
const byHead =
  (first: (config: FolderConfig) => number, count: (config: FolderConfig) => number): Change =>
  (matrix, { config }) => {
    const rows = part(matrix, still(config) + value(config), first(config), count(config));
    return shaped(rows, [config.heads, count(config), columnsOf(matrix)]);
  };
const keysByHead = byHead(() => 0, still);

export const latentNames: Names = {
  'self_attn.q_proj': at('attn_q', turnedEnds(key, latentTurning)),
  'self_attn.q_a_proj': 'attn_q_a',
  'self_attn.q_a_layernorm': 'attn_q_a_norm',
  'self_attn.q_b_proj': at('attn_q_b', turnedEnds(key, latentTurning)),
  'self_attn.kv_a_proj_with_mqa': at(
    'attn_kv_a_mqa',
    turnedEnds((config) => rank(config) + latentTurning(config), latentTurning),
  ),
  'self_attn.kv_a_layernorm': 'attn_kv_a_norm',
  'self_attn.kv_b_proj': [
    at('attn_k_b', (matrix, use) => transposed(keysByHead(matrix, use), use.last)),
    at('attn_v_b', byHead(still, value)),
  ],
};

export function latentKeys(config: FolderConfig): Keys {
  return {
    'attention.head_count_kv': 1,
    'attention.key_length': rank(config) + latentTurning(config),
    'attention.value_length': rank(config),
    'attention.key_length_mla': key(config),
    'attention.value_length_mla': value(config),
    'attention.kv_lora_rank': rank(config),
    'attention.q_lora_rank': config.count('q_lora_rank', 0),
  };
}
