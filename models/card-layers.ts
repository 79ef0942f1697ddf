/** Configs that give layers of one model attention or MLPs of different sizes. */
import { type Fields, isObject, type Json } from './card-fields.js';
import type { Attention, DenseMlp, GqaAttention } from './layer-parts.js';

/** For every layer its attention where that is not the card's. */
export function layerAttention(
  config: Json,
  fields: Fields,
  base: Attention,
  layers: number,
): readonly (Attention | undefined)[] {
  const every = Array.from({ length: layers }, (_, layer) => layer);
  if (base.kind !== 'gqa') return every.map(() => undefined);
  if (Array.isArray(config.block_configs)) return blockAttention(config.block_configs, fields, base);
  if (isObject(config.sparse_attention_config)) return blockSparse(config, fields, base, every);
  const types = Array.isArray(config.layer_types) ? config.layer_types : null;
  const globalDim = fields.optional('global_head_dim');
  if (types !== null && globalDim !== null) {
    const keyIsValue = fields.flag('attention_k_eq_v') === true;
    const heads = fields.optional('num_global_key_value_heads') ?? base.numKeyValueHeads;
    const wide: GqaAttention = { ...base, headDim: globalDim, numKeyValueHeads: heads, keyIsValue };
    return types.map((type) => (type === 'full_attention' ? wide : undefined));
  }
  const marks = fields.numbers('hybrid_layer_pattern');
  const valueHeadDim = fields.optional('v_head_dim');
  if (marks !== null && valueHeadDim !== null) {
    const windowed: GqaAttention = {
      ...base,
      numAttentionHeads: fields.optional('swa_num_attention_heads') ?? base.numAttentionHeads,
      numKeyValueHeads: fields.optional('swa_num_key_value_heads') ?? base.numKeyValueHeads,
      headDim: fields.optional('swa_head_dim') ?? base.headDim,
      valueHeadDim: fields.optional('swa_v_head_dim') ?? valueHeadDim,
    };
    return marks.map((mark) => (mark === 1 ? windowed : { ...base, valueHeadDim }));
  }
  return every.map(() => undefined);
}

/** MiniMax M3: a scorer picks blocks of tokens in the layers that its list marks. */
function blockSparse(
  config: Json,
  fields: Fields,
  base: GqaAttention,
  every: readonly number[],
): (Attention | undefined)[] {
  fields.take('sparse_attention_config');
  fields.take('qk_norm_type');
  const sparse = config.sparse_attention_config as Json;
  const blocks = Number(sparse.sparse_topk_blocks);
  const size = Number(sparse.sparse_block_size);
  if (!(blocks > 0 && size > 0)) return every.map(() => undefined);
  const marks = Array.isArray(sparse.sparse_attention_freq) ? sparse.sparse_attention_freq : null;
  const some: GqaAttention = { ...base, topK: blocks * size };
  return every.map((layer) => (marks === null || marks[layer] === 1 ? some : undefined));
}

/** Nemotron's searched models: groups of heads per block. */
function blockAttention(
  blocks: readonly unknown[],
  fields: Fields,
  base: GqaAttention,
): (Attention | undefined)[] {
  return blocks.map((block) => {
    const a = isObject(block) && isObject(block.attention) ? block.attention : {};
    const group = a.n_heads_in_group;
    // A block without attention has no heads, and so no weights and no cache.
    if (a.no_op === true || a.replace_with_linear === true)
      return { ...base, numAttentionHeads: 0, numKeyValueHeads: 0 };
    if (typeof group === 'number' && base.numAttentionHeads % group === 0)
      return { ...base, numKeyValueHeads: base.numAttentionHeads / group };
    return fields.fail(
      'block_configs',
      JSON.stringify(a).slice(0, 60),
      'n_heads_in_group that divides the heads',
    );
  });
}

/** The MLPs of Nemotron's searched models, a width per block; null for other configs. */
export function blockMlps(config: Json, fields: Fields): DenseMlp[] | null {
  if (!Array.isArray(config.block_configs)) return null;
  fields.take('block_configs');
  fields.take('intermediate_size');
  const hidden = fields.size('hidden_size');
  return config.block_configs.map((block) => {
    const ffn = isObject(block) && isObject(block.ffn) ? block.ffn : {};
    const mlp = { kind: 'dense', gated: true, bias: false } as const;
    if (ffn.no_op === true) return { ...mlp, intermediateSize: 0 };
    if (typeof ffn.ffn_mult !== 'number')
      return fields.fail('block_configs', JSON.stringify(ffn).slice(0, 60), 'an ffn_mult');
    return { ...mlp, intermediateSize: 256 * Math.ceil(Math.floor((2 * ffn.ffn_mult * hidden) / 3) / 256) };
  });
}
