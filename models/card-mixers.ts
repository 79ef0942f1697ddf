/**
 * Layers that mix tokens without a cache that grows: linear attention, state-space models, short convolutions. Each is
 * its matrices, its vectors, the state that a sequence keeps and the arithmetic that takes a token into it.
 */
import type { Fields } from './card-fields.js';
import { isObject, type Json } from './card-fields.js';

export interface StateMixer {
  readonly kind: 'delta' | 'kda' | 'mamba' | 'conv' | 'none';
  /** In the order in which a token meets them; `split` is the dimension that tensor parallelism cuts. */
  readonly matrices: readonly {
    readonly rows: number;
    readonly columns: number;
    readonly split: 'rows' | 'columns' | 'none';
  }[];
  /** Weights that are vectors or small filters: convolutions, decays, norms. */
  readonly vectors: number;
  /** Of one sequence and layer: the recurrent state in 32 bit, the last inputs of convolutions in 16. */
  readonly stateBytes: number;
  /** FLOPs of a token beside the matrices. */
  readonly flops: number;
}

/** A block of another kind: it mixes nothing. */
export const NO_MIXER: StateMixer = { kind: 'none', matrices: [], vectors: 0, stateBytes: 0, flops: 0 };

/** Decay, outer product, and reading a recurrent state: multiply-adds per element of it, times two. */
export const FLOPS_PER_STATE = 6;

function recurrent(elements: number, conv: number, kernel: number): Pick<StateMixer, 'stateBytes' | 'flops'> {
  return {
    stateBytes: elements * 4 + conv * (kernel - 1) * 2,
    flops: FLOPS_PER_STATE * elements + 2 * conv * kernel,
  };
}

/** Gated DeltaNet as Qwen3-Next and Qwen3.5 have it (arXiv:2412.06464). */
function delta(fields: Fields, hidden: number): StateMixer {
  const keyHeads = fields.size('linear_num_key_heads');
  const valueHeads = fields.size('linear_num_value_heads');
  const keyDim = fields.size('linear_key_head_dim');
  const valueDim = fields.size('linear_value_head_dim');
  const kernel = fields.size('linear_conv_kernel_dim');
  const [keys, values] = [keyHeads * keyDim, valueHeads * valueDim];
  const conv = 2 * keys + values;
  return {
    kind: 'delta',
    matrices: [
      { rows: conv + values + 2 * valueHeads, columns: hidden, split: 'rows' },
      { rows: hidden, columns: values, split: 'columns' },
    ],
    vectors: conv * kernel + 2 * valueHeads + valueDim,
    ...recurrent(valueHeads * keyDim * valueDim, conv, kernel),
  };
}

/** Kimi Delta Attention (arXiv:2510.26692): a decay per channel, from a product of low rank. */
function kda(config: Json, fields: Fields, hidden: number): StateMixer {
  const number = (name: string): number => {
    const value = config[name];
    return typeof value === 'number' && value > 0
      ? value
      : fields.fail(`linear_attn_config.${name}`, JSON.stringify(value ?? null), 'a positive integer');
  };
  const [heads, dim, kernel] = [number('num_heads'), number('head_dim'), number('short_conv_kernel_size')];
  const width = heads * dim;
  return {
    kind: 'kda',
    matrices: [
      { rows: 3 * width + heads, columns: hidden, split: 'rows' },
      { rows: 2 * dim, columns: hidden, split: 'none' },
      { rows: 2 * width, columns: dim, split: 'rows' },
      { rows: hidden, columns: width, split: 'columns' },
    ],
    vectors: 3 * width * kernel + heads + width + dim,
    ...recurrent(width * dim, 3 * width, kernel),
  };
}

/** Mamba-2 (arXiv:2405.21060), under the names of Granite, Nemotron and transformers' own. */
function mamba2(fields: Fields, hidden: number): StateMixer {
  const heads = fields.size('mamba_n_heads', 'mamba_num_heads', 'num_heads');
  const dim = fields.size('mamba_d_head', 'mamba_head_dim', 'head_dim');
  const state = fields.size('mamba_d_state', 'ssm_state_size', 'state_size');
  const groups = fields.optional('mamba_n_groups', 'n_groups') ?? 1;
  const kernel = fields.optional('mamba_d_conv', 'conv_kernel') ?? 4;
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
  const inner = heads * dim;
  const conv = inner + 2 * groups * state;
  return {
    kind: 'mamba',
    matrices: [
      { rows: inner + conv + heads, columns: hidden, split: 'rows' },
      { rows: hidden, columns: inner, split: 'columns' },
    ],
    vectors: conv * (kernel + (convBias ? 1 : 0)) + 3 * heads + inner,
    ...recurrent(inner * state, conv, kernel),
  };
}

/** Mamba (arXiv:2312.00752), in Jamba with norms of its own. */
function mamba1(fields: Fields, hidden: number, norms: boolean): StateMixer {
  const state = fields.optional('mamba_d_state', 'state_size') ?? 16;
  const kernel = fields.optional('mamba_d_conv', 'conv_kernel') ?? 4;
  const expand = fields.optional('mamba_expand', 'expand') ?? 2;
  const inner = fields.optional('intermediate_size_mamba') ?? expand * hidden;
  const rank = fields.optional('mamba_dt_rank', 'time_step_rank') ?? Math.ceil(hidden / 16);
  for (const name of ['mamba_conv_bias', 'mamba_proj_bias', 'use_mamba_kernels', 'use_bias', 'use_conv_bias'])
    fields.take(name);
  return {
    kind: 'mamba',
    matrices: [
      { rows: 2 * inner, columns: hidden, split: 'rows' },
      { rows: rank + 2 * state, columns: inner, split: 'columns' },
      { rows: inner, columns: rank, split: 'rows' },
      { rows: hidden, columns: inner, split: 'columns' },
    ],
    vectors: inner * (kernel + 1) + inner + inner * state + inner + (norms ? rank + 2 * state : 0),
    ...recurrent(inner * state, inner, kernel),
  };
}

/** The gated short convolution of LFM2. */
function shortConv(fields: Fields, hidden: number): StateMixer {
  const kernel = fields.size('conv_L_cache');
  const bias = fields.flag('conv_bias') === true;
  fields.take('conv_dim');
  fields.take('conv_dim_out');
  fields.take('conv_use_xavier_init');
  return {
    kind: 'conv',
    matrices: [
      { rows: 3 * hidden, columns: hidden, split: 'rows' },
      { rows: hidden, columns: hidden, split: 'columns' },
    ],
    vectors: hidden * kernel + (bias ? 5 * hidden : 0),
    stateBytes: hidden * (kernel - 1) * 2,
    flops: 2 * hidden * kernel,
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
    return patternLayers(config.hybrid_override_pattern, fields, layers, hidden);
  }
  if (Array.isArray(config.layers_block_type)) {
    fields.take('layers_block_type');
    const letters = config.layers_block_type.map((type) => LETTERS[String(type)] ?? '?').join('');
    return patternLayers(letters, fields, layers, hidden);
  }
  if (isObject(config.linear_attn_config)) {
    fields.take('linear_attn_config');
    const own = config.linear_attn_config;
    // The list counts layers from 1.
    const full = Array.isArray(own.full_attn_layers) ? own.full_attn_layers : [];
    const mixer = kda(own, fields, hidden);
    return every.map((layer) => ({ mixer: full.includes(layer + 1) ? null : mixer }));
  }
  if (model === 'mamba2') {
    const mixer = mamba2(fields, hidden);
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
    ? mamba2(fields, hidden)
    : said.includes('conv')
      ? shortConv(fields, hidden)
      : delta(fields, hidden);
  return types.map((type) => ({ mixer: type === 'state' ? mixer : null }));
}

/** Nemotron-H writes a letter per block: M Mamba-2, * attention, - an MLP, E experts. */
function patternLayers(
  pattern: string,
  fields: Fields,
  layers: number,
  hidden: number,
): readonly HybridLayer[] {
  if (pattern.length !== layers || /[^M*\-E]/.test(pattern)) {
    fields.fail(
      'hybrid_override_pattern',
      JSON.stringify(pattern.slice(0, 40)),
      `${layers} letters among M, *, - and E`,
    );
  }
  const mixer = mamba2(fields, hidden);
  const blocks: Readonly<Record<string, HybridLayer>> = {
    M: { mixer, mlp: 'none' },
    '*': { mixer: null, mlp: 'none' },
    '-': { mixer: NO_MIXER, mlp: 'dense' },
    E: { mixer: NO_MIXER, mlp: 'moe' },
  };
  return [...pattern].map((letter) => blocks[letter]!);
}
