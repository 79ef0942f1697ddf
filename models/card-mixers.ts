/**
 * Layers that mix tokens without a cache that grows: linear attention, state-space models, short convolutions, by the sizes
 * that a config.json states.
 */
import type { Fields } from './card-fields.js';
import { isObject, type Json } from './card-fields.js';
import type { StateMixer } from './layer-parts.js';

/** A block of another kind: it mixes nothing. */
export const NO_MIXER: StateMixer = { kind: 'none', keys: {} };

/** Gated DeltaNet as Qwen3-Next and Qwen3.5 have it (arXiv:2412.06464). */
function delta(fields: Fields): StateMixer {
  const keyHeads = fields.size('linear_num_key_heads');
  const heads = fields.size('linear_num_value_heads');
  return {
    kind: 'delta',
    keys: {
      'ssm.group_count': keyHeads,
      'ssm.time_step_rank': heads,
      'ssm.state_size': fields.size('linear_key_head_dim'),
      'ssm.inner_size': heads * fields.size('linear_value_head_dim'),
      'ssm.conv_kernel': fields.size('linear_conv_kernel_dim'),
    },
  };
}

/** Kimi Delta Attention (arXiv:2510.26692): a decay per channel, from a product of low rank. */
function kda(config: Json, fields: Fields): StateMixer {
  const number = (name: string): number => {
    const value = config[name];
    return typeof value === 'number' && value > 0
      ? value
      : fields.fail(`linear_attn_config.${name}`, JSON.stringify(value ?? null), 'a positive integer');
  };
  return {
    kind: 'kda',
    keys: {
      'attention.head_count': number('num_heads'),
      'kda.head_dim': number('head_dim'),
      'ssm.conv_kernel': number('short_conv_kernel_size'),
    },
  };
}

const CONV_BIAS = /ssm_conv1d\.bias/;

/** Mamba-2 (arXiv:2405.21060), under the names of Granite, Nemotron and transformers' own. */
function mamba2(fields: Fields): StateMixer {
  const heads = fields.size('mamba_n_heads', 'mamba_num_heads', 'num_heads');
  const dim = fields.size('mamba_d_head', 'mamba_head_dim', 'head_dim');
  const convBias = fields.flag('mamba_conv_bias', 'use_conv_bias') ?? true;
  for (const name of [
    'mamba_expand',
    'expand',
    'mamba_chunk_size',
    'chunk_size',
    'mamba_proj_bias',
    'use_bias',
  ])
    fields.take(name);
  return {
    kind: 'mamba2',
    keys: {
      'ssm.time_step_rank': heads,
      'ssm.inner_size': heads * dim,
      'ssm.state_size': fields.size('mamba_d_state', 'ssm_state_size', 'state_size'),
      'ssm.group_count': fields.optional('mamba_n_groups', 'n_groups') ?? 1,
      'ssm.conv_kernel': fields.optional('mamba_d_conv', 'conv_kernel') ?? 4,
    },
    ...(convBias && { has: CONV_BIAS }),
  };
}

/** Mamba (arXiv:2312.00752), in Jamba with norms of its own. */
function mamba1(fields: Fields, hidden: number, norms: boolean): StateMixer {
  const expand = fields.optional('mamba_expand', 'expand') ?? 2;
  for (const name of ['mamba_conv_bias', 'mamba_proj_bias', 'use_mamba_kernels', 'use_bias', 'use_conv_bias'])
    fields.take(name);
  return {
    kind: 'mamba',
    keys: {
      'ssm.inner_size': fields.optional('intermediate_size_mamba') ?? expand * hidden,
      'ssm.state_size': fields.optional('mamba_d_state', 'state_size') ?? 16,
      'ssm.time_step_rank': fields.optional('mamba_dt_rank', 'time_step_rank') ?? Math.ceil(hidden / 16),
      'ssm.conv_kernel': fields.optional('mamba_d_conv', 'conv_kernel') ?? 4,
    },
    has: norms ? /ssm_conv1d\.bias|ssm_(dt|b|c)_norm/ : CONV_BIAS,
  };
}

/** The gated short convolution of LFM2. */
function shortConv(fields: Fields): StateMixer {
  const bias = fields.flag('conv_bias') === true;
  for (const name of ['conv_dim', 'conv_dim_out', 'conv_use_xavier_init']) fields.take(name);
  return {
    kind: 'conv',
    keys: { 'shortconv.l_cache': fields.size('conv_L_cache') },
    ...(bias && { has: /shortconv\.\w+\.bias/ }),
  };
}

/** What a layer of a hybrid is; `mlp` where only some layers have one. */
export interface HybridLayer {
  /** Null: the attention of the card. */
  readonly mixer: StateMixer | null;
  /** Absent: as the rest of the config says. */
  readonly mlp?: 'none' | 'dense' | 'moe';
}

const WORDS: Readonly<Record<string, string>> = {
  full_attention: 'attention',
  attention: 'attention',
  sliding_attention: 'attention',
  chunked_attention: 'attention',
  linear_attention: 'state',
  mamba: 'state',
  conv: 'state',
};

const LETTERS: Readonly<Record<string, string>> = { mamba: 'M', attention: '*', mlp: '-', moe: 'E' };

/** The layers of a hybrid of attention and states; null for a config of attention alone. */
export function hybridLayers(
  config: Json,
  fields: Fields,
  layers: number,
  hidden: number,
): readonly HybridLayer[] | null {
  const every = Array.from({ length: layers }, (_, layer) => layer);
  const model = String(config.model_type ?? '');
  if (typeof config.hybrid_override_pattern === 'string') {
    fields.take('hybrid_override_pattern');
    return patternLayers(config.hybrid_override_pattern, fields, layers);
  }
  if (Array.isArray(config.layers_block_type)) {
    fields.take('layers_block_type');
    const letters = config.layers_block_type.map((type) => LETTERS[String(type)] ?? '?').join('');
    return patternLayers(letters, fields, layers);
  }
  if (isObject(config.linear_attn_config)) {
    fields.take('linear_attn_config');
    const own = config.linear_attn_config;
    // The list counts layers from 1.
    const full = Array.isArray(own.full_attn_layers) ? own.full_attn_layers : [];
    const mixer = kda(own, fields);
    return every.map((layer) => ({ mixer: full.includes(layer + 1) ? null : mixer }));
  }
  if (model === 'mamba2') {
    const mixer = mamba2(fields);
    return every.map(() => ({ mixer, mlp: 'none' }));
  }
  if (/^(falcon_)?mamba$/.test(model)) {
    const mixer = mamba1(fields, hidden, false);
    return every.map(() => ({ mixer, mlp: 'none' }));
  }
  const period = fields.optional('attn_layer_period');
  if (period !== null) {
    const offset = fields.optional('attn_layer_offset') ?? 0;
    const mixer = mamba1(fields, hidden, true);
    return every.map((layer) => ({ mixer: layer % period === offset ? null : mixer }));
  }
  const interval = fields.optional('full_attention_interval');
  const types = Array.isArray(config.layer_types)
    ? config.layer_types.map((type) => WORDS[String(type)] ?? String(type))
    : interval !== null
      ? every.map((layer) => ((layer + 1) % interval === 0 ? 'attention' : 'state'))
      : null;
  if (types === null || !types.includes('state')) return null;
  const said = Array.isArray(config.layer_types) ? config.layer_types : ['linear_attention'];
  const mixer = said.includes('mamba')
    ? mamba2(fields)
    : said.includes('conv')
      ? shortConv(fields)
      : delta(fields);
  return types.map((type) => ({ mixer: type === 'state' ? mixer : null }));
}

/** Nemotron-H writes a letter per block: M Mamba-2, * attention, - an MLP, E experts. */
function patternLayers(pattern: string, fields: Fields, layers: number): readonly HybridLayer[] {
  if (pattern.length !== layers || /[^M*\-E]/.test(pattern)) {
    fields.fail(
      'hybrid_override_pattern',
      JSON.stringify(pattern.slice(0, 40)),
      `${layers} letters among M, *, - and E`,
    );
  }
  const mixer = mamba2(fields);
  const blocks: Readonly<Record<string, HybridLayer>> = {
    M: { mixer, mlp: 'none' },
    '*': { mixer: null, mlp: 'none' },
    '-': { mixer: NO_MIXER, mlp: 'dense' },
    E: { mixer: NO_MIXER, mlp: 'moe' },
  };
  return [...pattern].map((letter) => blocks[letter]!);
}
