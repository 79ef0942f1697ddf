/** The metadata of a folder's model: what all families say, the family's own, and what GGUF has no key for. */
import { ModelError } from '../../core/errors.js';
import { type FolderConfig, float, type Json, type Keys } from './config.js';
import { FAMILIES } from './families/index.js';
import type { Family } from './family.js';
import { type Rope, ropeOf, ropeSettings, ropeTheta } from './rope.js';

export interface FolderKeys {
  readonly family: Family;
  readonly metadata: Keys;
  readonly factors: Rope['factors'];
  /** What other readers of GGUF will not know, a sentence each. */
  readonly warnings: readonly string[];
}

function familyOf(config: FolderConfig): Family {
  const type = config.modelType;
  const isDense = type === 'granitemoehybrid' && config.count('num_local_experts', 0) === 0;
  const seesBothWays = config.get('use_bidirectional_attention') === true;
  const name = isDense
    ? `${type} without experts`
    : seesBothWays && type === 'gemma3_text'
      ? `${type} that sees both ways`
      : type;
  const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
  if (family) return family;
  throw new ModelError({
    what: `${config.file}: model_type`,
    given: JSON.stringify(config.get('model_type') ?? null),
    expected: `one of ${Object.keys(FAMILIES)
      .filter((one) => !one.includes(' '))
      .join(', ')}`,
    todo: 'Take a GGUF file of this model.',
  });
}

/** Throws ModelError on a kind of model without a row, FormatError on values that are none. */
export function folderKeys(config: FolderConfig): FolderKeys {
  const family = familyOf(config);
  for (const [key, accepted] of Object.entries(family.only ?? {})) config.require(key, accepted);
  const attends = config.get('num_attention_heads') !== undefined || config.get('n_head') !== undefined;
  const rope =
    attends && !isPositioned(config) ? ropeOf(config, config.headDim, family.turning?.(config)) : null;
  const windows = attends ? windowKeys(config, family) : { keys: {}, own: {} };
  const views = { ...windows.own, ...stillLayers(config, family, windows.flags), ...scaleOf(config) };
  const own = {
    ...(attends && attentionKeys(config)),
    ...sizes(config, family),
    ...rope?.keys,
    ...windows.keys,
    ...family.keys?.(config),
  };
  return {
    family,
    metadata: {
      ...named(own, family.architecture),
      ...views,
    },
    factors: rope?.factors ?? {},
    warnings: warningsOf(config, family, Object.keys({ ...views, ...windows.keys })),
  };
}

function warningsOf(config: FolderConfig, family: Family, keys: readonly string[]): string[] {
  const unsaid = keys.filter((key) => /^waferflow\.|sliding_window_pattern$/.test(key));
  const limit = family.limit?.(config) ?? null;
  return [
    ...unsaid.map(
      (key) =>
        `${config.file}: other readers of GGUF pass over "${key}" of ${family.architecture}, and compute another model than this one`,
    ),
    ...(limit === null ? [] : [`${config.file}: ${limit}`]),
  ];
}

/** Keys as a file has them, the architecture's name in front. */
export function named(keys: Keys, architecture: string): Keys {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value]));
}

/** Learned positions, which do not turn. */
function isPositioned(config: FolderConfig): boolean {
  return config.modelType === 'gpt2';
}

function sizes(config: FolderConfig, family: Family): Keys {
  const own = family.keys?.(config) ?? {};
  return {
    block_count: config.layers,
    ...(!('context_length' in own) && { context_length: config.context }),
    embedding_length: config.hidden,
    ...(!('feed_forward_length' in own) && { feed_forward_length: config.ffn }),
    vocab_size: config.vocab,
    ...epsilons(config),
  };
}

/** Under both names, since families call either kind of norm's alike. */
function epsilons(config: FolderConfig): Keys {
  const eps = config.number(
    ['rms_norm_eps', 'layer_norm_eps', 'layer_norm_epsilon', 'norm_epsilon', 'norm_eps'],
    1e-5,
  );
  return { 'attention.layer_norm_rms_epsilon': float(eps), 'attention.layer_norm_epsilon': float(eps) };
}

function attentionKeys(config: FolderConfig): Keys {
  return {
    'attention.head_count': config.heads,
    'attention.head_count_kv': config.kvHeads,
    'attention.key_length': config.headDim,
    'attention.value_length': config.headDim,
  };
}

interface Windows {
  readonly keys: Keys;
  /** Under waferflow's own name, where the architecture knows no window. */
  readonly own: Keys;
  readonly flags?: readonly boolean[];
}

/** Which layers see a window. */
function windowFlags(config: FolderConfig, { period }: Family): readonly boolean[] {
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const types = config.layerTypes;
  if (types) return types.map((type) => type === 'sliding_attention');
  const every = config.get('sliding_window_pattern') ?? config.get('_sliding_window_pattern') ?? period;
  if (typeof every === 'string' && every !== '')
    return layers.map((layer) => every[layer % every.length] === 'L');
  if (typeof every === 'number') return layers.map((layer) => (layer + 1) % every !== 0);
  const first = config.get('use_sliding_window') === true ? config.count('max_window_layers', 0) : 0;
  return layers.map((layer) => layer >= first);
}

function windowKeys(config: FolderConfig, family: Family): Windows {
  const size = config.get('use_sliding_window') === false ? 0 : config.count('sliding_window', 0);
  const flags = size === 0 ? [] : windowFlags(config, family);
  const { period, architecture } = family;
  // Of EXAONE 4 the largest alone is known to have windows.
  const isNative = period !== undefined && (architecture !== 'exaone4' || config.layers === 64);
  if (!flags.includes(true) || (!isNative && size >= config.context)) return { keys: {}, own: {} };
  const pattern = Int32Array.from(flags, Number);
  if (!isNative) {
    const own = {
      'waferflow.attention.sliding_window': size,
      'waferflow.attention.sliding_window_pattern': pattern,
    };
    return { keys: {}, own, flags };
  }
  const settings = ropeSettings(config, 'sliding_attention');
  const theta = config.get('rope_local_base_freq') ?? ropeTheta(config, settings);
  const isUsual = flags.every((flag, layer) => flag === ((layer + 1) % period !== 0));
  const keys = {
    'attention.sliding_window': size,
    'rope.freq_base_swa': float(Number(theta)),
    ...(!isUsual && { 'attention.sliding_window_pattern': pattern }),
  };
  return { keys, own: {}, flags };
}

/** Gemma's scale of scores, where it is not the one that follows from the size of a head. */
function scaleOf(config: FolderConfig): Keys {
  const size = config.number('query_pre_attn_scalar', 0);
  if (size === 0) return {};
  // The 27B models, by their layers.
  const usual = [46, 62].includes(config.layers) ? config.hidden / config.heads : config.headDim;
  return size === usual ? {} : { 'waferflow.attention.scale': float(1 / Math.sqrt(size)) };
}

/** Layers without positions, where they are not those that the architecture has anyway. */
function stillLayers(
  config: FolderConfig,
  family: Family,
  windows: readonly boolean[] | undefined,
): Json & Keys {
  const said = config.perLayer('no_rope_layers')?.map((one) => one === 1 || one === true);
  const every = config.count('no_rope_layer_interval', 0);
  const turns =
    said ??
    (every > 0
      ? Array.from({ length: config.layers }, (_, layer) => (layer + 1) % every !== 0)
      : family.turnsInWindows && windows);
  if (!turns) return {};
  const usual = family.architecture === 'smollm3' ? 4 : family.period;
  const isUsual = turns.every((turn, layer) => turn === (usual === undefined || (layer + 1) % usual !== 0));
  const isKnown = family.architecture !== 'exaone4' || config.layers === 64;
  return isUsual && isKnown ? {} : { 'waferflow.rope.layers': Int32Array.from(turns, Number) };
}
