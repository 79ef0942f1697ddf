/** Layers that remember in folders: the scans of Mamba 1 and 2, LFM2's convolution, Qwen's delta nets. */
import type { FolderConfig, Keys } from './config.js';
import { as, at, type Change, decay, type Names, rows, times } from './family.js';

/** A convolution's weight without its middle dimension of one. */
const conv = as(({ shape }) => (shape.length === 3 ? [shape[0]!, shape[2]!] : shape));

/** Mamba's tensors, `stem` in front; what Mamba 2 has one of per head is a column. */
export const scan = (stem: string, groups: (config: FolderConfig) => number, headsOnly = true): Names =>
  Object.fromEntries(
    Object.entries({
      in_proj: 'ssm_in',
      conv1d: 'ssm_conv1d',
      'conv1d.weight': at('ssm_conv1d.weight', conv),
      x_proj: 'ssm_x',
      dt_proj: 'ssm_dt',
      dt_bias: 'ssm_dt.bias',
      A_log: at(
        'ssm_a',
        decay(({ shape }) => (headsOnly ? [shape[0]!, 1] : shape)),
      ),
      D: headsOnly
        ? at(
            'ssm_d',
            as(({ shape }) => [shape[0]!, 1]),
          )
        : 'ssm_d',
      norm: at(
        'ssm_norm',
        as(({ shape }, config) => [groups(config), shape[0]! / groups(config)]),
      ),
      out_proj: 'ssm_out',
    } satisfies Names).map(([name, target]) => [`${stem}.${name}`, target]),
  );

/** No attention and no MLP. */
const scanOnly = (config: FolderConfig): Keys => ({
  'attention.head_count': 0,
  'attention.head_count_kv': 0,
  feed_forward_length: 0,
  context_length: config.count('max_position_embeddings', 2 ** 20),
});

export const mamba1Keys = (config: FolderConfig): Keys => {
  const inner = config.size('intermediate_size', config.number('expand', 2) * config.hidden);
  const rank = config.get('time_step_rank');
  return {
    ...scanOnly(config),
    'ssm.conv_kernel': config.size(['conv_kernel', 'd_conv']),
    'ssm.inner_size': inner,
    'ssm.state_size': config.size(['state_size', 'd_state']),
    'ssm.time_step_rank': typeof rank === 'number' ? rank : Math.ceil(config.hidden / 16),
  };
};

/** `dt` is clamped in no family of ours. */
const unlimited = (config: FolderConfig): void => {
  const limit = config.get('time_step_limit');
  const limits = Array.isArray(limit) && (Number(limit[0]) !== 0 || Number.isFinite(limit[1]));
  if (limits) throw config.wrong('time_step_limit', limit, '[0, Infinity]');
};

const heads2 = (config: FolderConfig, size: number, own: string, ofHead: string): Keys => {
  unlimited(config);
  return { 'ssm.inner_size': size, 'ssm.time_step_rank': config.size(own, size / config.size(ofHead)) };
};

export const mamba2Keys = (config: FolderConfig): Keys => ({
  ...scanOnly(config),
  ...heads2(config, config.number('expand', 2) * config.hidden, 'num_heads', 'head_dim'),
  'ssm.conv_kernel': config.size('conv_kernel'),
  'ssm.state_size': config.size('state_size'),
  'ssm.group_count': config.size('n_groups'),
});

/** As keys with `mamba_` in front say it; the gate comes before the norm. */
export const besideKeys = (config: FolderConfig): Keys => {
  if (config.flag('mamba_rms_norm')) config.require('mamba_norm_before_gate', [false]);
  return besideSizes(config);
};

const besideSizes = (config: FolderConfig): Keys => ({
  ...heads2(
    config,
    config.size('mamba_d_ssm', config.number('mamba_expand', 2) * config.hidden),
    'mamba_n_heads',
    'mamba_d_head',
  ),
  'ssm.conv_kernel': config.size('mamba_d_conv'),
  'ssm.state_size': config.size('mamba_d_state'),
  'ssm.group_count': config.size('mamba_n_groups', 1),
});

const multiplied = (to: string, ...keys: readonly string[]) =>
  at(
    to,
    times((config) => keys.reduce((product, key) => product * config.number(key, 1), 1)),
  );
const ofMlp = (to: string, which: 0 | 1) =>
  at(
    to,
    times((config) =>
      Number((config.get('mlp_multipliers') as readonly unknown[] | undefined)?.[which] ?? 1),
    ),
  );

/** Of the scan's input each part has a multiplier: gate, x, B, C and dt. */
const inputScale: Change = (matrix, use) => {
  const { config } = use;
  const own = (config.get('ssm_multipliers') as readonly number[] | undefined) ?? [1, 1, 1, 1, 1];
  const all = config.number('ssm_in_multiplier', 1);
  if (all === 1 && own.every((one) => one === 1)) return matrix;
  const inner = config.size('mamba_d_ssm', config.number('mamba_expand', 2) * config.hidden);
  const shared = config.size('mamba_n_groups', 1) * config.size('mamba_d_state');
  const ends = [inner, 2 * inner, 2 * inner + shared, 2 * inner + 2 * shared, Number.POSITIVE_INFINITY];
  return times(() => (row) => all * own[ends.findIndex((end) => row < end)]!)(matrix, use);
};

/** A tied head would need the embedding with another multiplier. */
export const falconKeys = (config: FolderConfig): Keys => {
  const isScaled = [config.number('embedding_multiplier', 1), config.number('lm_head_multiplier', 1)].some(
    (by) => by !== 1,
  );
  if (isScaled) config.require('tie_word_embeddings', [false]);
  return besideKeys(config);
};

/** Falcon-H1's multipliers, which GGUF has in the weights. */
export const falconScales: Names = {
  'self_attn.k_proj': multiplied('attn_k', 'attention_in_multiplier', 'key_multiplier'),
  'self_attn.q_proj': multiplied('attn_q', 'attention_in_multiplier'),
  'self_attn.v_proj': multiplied('attn_v', 'attention_in_multiplier'),
  'self_attn.o_proj': multiplied('attn_output', 'attention_out_multiplier'),
  'mamba.in_proj': at('ssm_in', inputScale),
  'mamba.out_proj': multiplied('ssm_out', 'ssm_out_multiplier'),
  'feed_forward.gate_proj': ofMlp('ffn_gate', 0),
  'feed_forward.up_proj': 'ffn_up',
  'feed_forward.down_proj': ofMlp('ffn_down', 1),
};
export const falconOutside: Names = {
  embed_tokens: multiplied('token_embd', 'embedding_multiplier'),
  lm_head: multiplied('output', 'lm_head_multiplier'),
};

/** LFM2's short convolution. */
export const shortConv: Names = {
  'conv.in_proj': 'shortconv.in_proj',
  'conv.conv': at('shortconv.conv', conv),
  'conv.out_proj': 'shortconv.out_proj',
};

interface DeltaSizes {
  readonly keyHeads: number;
  readonly heads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}
const deltaSizes = (config: FolderConfig): DeltaSizes => ({
  keyHeads: config.size('linear_num_key_heads'),
  heads: config.size('linear_num_value_heads'),
  keyDim: config.size('linear_key_head_dim'),
  valueDim: config.size('linear_value_head_dim'),
});

/** Part of what lies together for every key head: its query, key, values and gates. */
const ofKeyHead = (which: 0 | 1 | 2 | 3): Change =>
  rows((config) => {
    const { keyHeads, heads, keyDim, valueDim } = deltaSizes(config);
    const values = (heads / keyHeads) * valueDim;
    const sizes = [keyDim, keyDim, values, values];
    const first = sizes.slice(0, which).reduce((a, b) => a + b, 0);
    return [2 * keyDim + 2 * values, first, sizes[which]!];
  });

/** Qwen 3 Next's delta nets. */
export const deltaNames: Names = {
  'linear_attn.in_proj_qkvz': [
    ...([0, 1, 2] as const).map((which) => at('attn_qkv', ofKeyHead(which))),
    at('attn_gate', ofKeyHead(3)),
  ],
  'linear_attn.in_proj_ba': 'ssm_ba',
  'linear_attn.conv1d': at('ssm_conv1d', conv),
  'linear_attn.dt_bias': 'ssm_dt.bias',
  'linear_attn.A_log': at(
    'ssm_a',
    decay(({ shape }) => shape),
  ),
  'linear_attn.norm': 'ssm_norm',
  'linear_attn.out_proj': 'ssm_out',
};

export const deltaKeys = (config: FolderConfig): Keys => {
  const { keyHeads, heads, keyDim, valueDim } = deltaSizes(config);
  const types = config.layerTypes;
  const every = config.size('full_attention_interval', types ? 1 + types.indexOf('full_attention') : 4);
  const isUsual =
    types?.every((type, layer) => (type === 'full_attention') === ((layer + 1) % every === 0)) ?? true;
  return {
    'ssm.conv_kernel': config.size('linear_conv_kernel_dim'),
    'ssm.state_size': keyDim,
    'ssm.group_count': keyHeads,
    'ssm.time_step_rank': heads,
    'ssm.inner_size': heads * valueDim,
    ...(isUsual
      ? { full_attention_interval: every }
      : { 'attention.recurrent_layers': types!.map((type) => (type === 'full_attention' ? 0 : 1)) }),
  };
};
