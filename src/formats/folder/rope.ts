/** How a folder's config.json says that positions turn, in its old form and its new one, in the words of GGUF. */
import { type FolderConfig, float, isJson, type Json, type Keys } from './config.js';

export interface Rope {
  readonly keys: Keys;
  /** Divisors of the frequencies, by the tensor that holds them. */
  readonly factors: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
}

/** The settings of whole attention, or of the layers with a window where those have their own. */
export function ropeSettings(config: FolderConfig, kind = 'full_attention'): Json {
  const said = config.get('rope_parameters') ?? config.get('rope_scaling') ?? {};
  const own = isJson(said) && isJson(said[kind]) ? said[kind] : said;
  if (!isJson(own)) throw config.wrong('rope_parameters', own, 'an object');
  return own;
}

export function ropeTheta(config: FolderConfig, settings: Json): number {
  const theta = settings.rope_theta ?? config.get('rope_theta') ?? config.get('rotary_emb_base') ?? 10_000;
  if (typeof theta === 'number' && theta > 0 && Number.isFinite(theta)) return theta;
  throw config.wrong('rope_theta', theta, 'a positive number');
}

/** Dimensions of a head that turn. */
export function turning(config: FolderConfig, settings: Json, headDim: number): number {
  const whole = config.get('rotary_dim');
  if (typeof whole === 'number') return whole;
  const share =
    settings.partial_rotary_factor ?? config.get('partial_rotary_factor') ?? config.get('rotary_pct') ?? 1;
  if (typeof share === 'number' && share > 0 && share <= 1) return Math.floor(headDim * share);
  throw config.wrong('partial_rotary_factor', share, 'a share of a head, up to 1');
}

/** `dims`: where not what the config's share of a head is. */
export function ropeOf(config: FolderConfig, headDim: number, dims?: number): Rope {
  const settings = ropeSettings(config);
  const theta = ropeTheta(config, settings);
  const turned = dims ?? turning(config, settings, headDim);
  const base = { 'rope.dimension_count': turned, 'rope.freq_base': float(theta) };
  const type = String(settings.rope_type ?? settings.type ?? 'default');
  const stretch = Object.hasOwn(stretches, type) ? stretches[type] : undefined;
  if (!stretch) throw config.wrong('rope_type', type, Object.keys(stretches).join(', '));
  const number = (key: string, fallback?: unknown): number => {
    const value = settings[key] ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw config.wrong(`rope_parameters.${key}`, value, 'a number');
  };
  const { keys = {}, factors = {} } = stretch({ config, settings, number, theta, dims: turned });
  return { keys: { ...base, ...keys }, factors };
}

interface Facts {
  readonly config: FolderConfig;
  readonly settings: Json;
  readonly number: (key: string, fallback?: unknown) => number;
  readonly theta: number;
  readonly dims: number;
}

const originalContext = ({ config, settings }: Facts): number =>
  Number(
    settings.original_max_position_embeddings ??
      config.get('original_max_position_embeddings') ??
      config.context,
  );

const stretches: Readonly<Record<string, (facts: Facts) => Partial<Rope>>> = {
  default: () => ({}),
  linear: ({ number }) => ({
    keys: { 'rope.scaling.type': 'linear', 'rope.scaling.factor': float(number('factor')) },
  }),
  yarn,
  longrope: longRope,
  su: longRope,
  // By Hunyuan's alpha from the start; without it the base only changes beyond the context.
  dynamic: ({ settings, theta, dims }) => {
    const { alpha } = settings;
    return typeof alpha === 'number' && alpha !== 1
      ? { keys: { 'rope.freq_base': float(theta * alpha ** (dims / (dims - 2))) } }
      : {};
  },
  llama3: (facts) => ({ factors: { 'rope_freqs.weight': llama3Factors(facts) } }),
};

function yarn(facts: Facts): Partial<Rope> {
  const { settings, number, config } = facts;
  const factor = number('factor', config.context / originalContext(facts));
  const grown = 1 + 0.1 * Math.log(factor);
  const all = settings.mscale_all_dim ? number('mscale_all_dim') : 0;
  const isLatent = config.get('kv_lora_rank') !== undefined;
  const attention =
    typeof settings.attention_factor === 'number'
      ? settings.attention_factor
      : all !== 0 && !isLatent
        ? (1 + 0.1 * number('mscale') * Math.log(factor)) / (1 + 0.1 * all * Math.log(factor))
        : grown;
  return {
    keys: {
      'rope.scaling.type': 'yarn',
      'rope.scaling.factor': float(factor),
      'rope.scaling.original_context_length': originalContext(facts),
      ...(attention !== grown && { 'rope.scaling.attn_factor': float(attention / grown) }),
      ...(isLatent && all !== 0 && { 'rope.scaling.yarn_log_multiplier': float(0.1 * all) }),
      ...(number('beta_fast', 32) !== 32 && { 'rope.scaling.yarn_beta_fast': float(number('beta_fast')) }),
      ...(number('beta_slow', 1) !== 1 && { 'rope.scaling.yarn_beta_slow': float(number('beta_slow')) }),
    },
  };
}

/** Phi's: one list of divisors up to the original context, another beyond. */
function longRope(facts: Facts): Partial<Rope> {
  const { config, settings, dims } = facts;
  const original = originalContext(facts);
  const factor = config.context / original;
  const list = (key: string): Float32Array<ArrayBuffer> => {
    const value = settings[key];
    if (Array.isArray(value) && value.length === dims / 2 && value.every((one) => typeof one === 'number'))
      return Float32Array.from(value as number[]);
    throw config.wrong(`rope_parameters.${key}`, value, `${dims / 2} numbers`);
  };
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const attention = typeof settings.attention_factor === 'number' ? settings.attention_factor : usual;
  return {
    keys: {
      'rope.scaling.type': 'longrope',
      'rope.scaling.original_context_length': original,
      'rope.scaling.attn_factor': float(attention),
    },
    factors: {
      'rope_factors_short.weight': list('short_factor'),
      'rope_factors_long.weight': list('long_factor'),
    },
  };
}

/** Llama 3.1's stretch: slow pairs by the factor, fast ones not at all, and a slope in between. */
function llama3Factors(facts: Facts): Float32Array<ArrayBuffer> {
  const { number, theta, dims } = facts;
  const factor = number('factor');
  const [low, high] = [number('low_freq_factor'), number('high_freq_factor')];
  const context = originalContext(facts);
  return Float32Array.from({ length: dims / 2 }, (_, i) => {
    const turns = context / (2 * Math.PI * theta ** ((2 * i) / dims));
    if (turns < low) return factor;
    if (turns > high) return 1;
    const share = (turns - low) / (high - low);
    return 1 / ((1 - share) / factor + share);
  });
}
