/**
 * Reads a Hugging Face config.json into a model card. What families share is read by its usual name; what they
 * do differently without saying so in the file stands in cardFamilies.ts. A field that is neither read here nor
 * known to leave shapes alone is an error: a planner must not guess about weights it cannot see.
 */
import { FormatError, ModelError } from '../src/core/errors.js';
import type { Tag } from '../src/core/provenance.js';
import type { Attention, DenseMlp, LayerKind, ModelCard, MoeMlp } from './card.js';
import { type Family, familyOf, isNeutral } from './cardFamilies.js';

export interface CardOrigin {
  readonly name: string;
  readonly source: string;
  readonly tag?: Tag;
  readonly notes?: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

/**
 * The card of a config.json that has been parsed already.
 *
 * @throws FormatError for a field of the wrong type or range, ModelError for a shape that cannot be planned
 */
export function cardFromConfig(config: unknown, origin: CardOrigin): ModelCard {
  if (!isObject(config)) {
    throw new FormatError({
      what: `config of ${origin.name}`,
      given: config === null ? 'null' : Array.isArray(config) ? 'an array' : typeof config,
      expected: 'a JSON object',
      todo: 'Pass the config.json of a text model.',
    });
  }
  const nested = config.text_config ?? config.llm_config ?? config.language_config;
  if (isObject(nested)) {
    const quantized = nested.quantization_config ?? config.quantization_config;
    const inner = {
      model_type: config.model_type,
      ...nested,
      ...(quantized ? { quantization_config: quantized } : {}),
    };
    return cardFromConfig(inner, {
      ...origin,
      notes: [...(origin.notes ?? []), 'text part only: encoders for images or sound are not planned'],
    });
  }
  return new Reader(config, origin).card();
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Numbers beyond these are mistakes, not models; they also keep every product below 2^53. */
const LIMITS = { layers: 10_000, dimension: 16_777_216 };

/** Reads fields by name and remembers which were asked for, so that the unread ones can be named. */
class Reader {
  private readonly read = new Set<string>();
  private readonly notes: string[] = [];
  private readonly config: Json;
  private readonly origin: CardOrigin;
  private readonly family: Family;

  constructor(config: Json, origin: CardOrigin) {
    this.config = config;
    this.origin = origin;
    const modelType = config.model_type;
    this.family = familyOf(typeof modelType === 'string' ? modelType : '');
    if (!this.family.known) this.notes.push(`model_type ${JSON.stringify(modelType)} is read as Llama-like`);
  }

  card(): ModelCard {
    const hiddenSize = this.size('hidden_size', 'n_embd', 'd_model', 'dim');
    const layers = this.size('num_hidden_layers', 'n_layer', 'n_layers', 'num_layers');
    if (layers > LIMITS.layers)
      this.fail('num_hidden_layers', String(layers), `at most ${LIMITS.layers} layers`);
    const vocabSize = this.size('vocab_size');
    const maxPositionEmbeddings =
      this.optional('max_position_embeddings', 'n_positions', 'max_seq_len') ?? 2048;
    const attention = this.attention(hiddenSize);
    const { kinds, index } = this.layerKinds(layers);
    const { weightBits, quantized } = this.quantization();
    const tie = this.flag('tie_word_embeddings') ?? this.family.tied;
    const headBias = this.flag('lm_head_bias') ?? this.family.headBias;
    this.refuseUnread();
    const { family, origin } = this;
    return {
      name: origin.name,
      modelType: typeof this.config.model_type === 'string' ? this.config.model_type : 'unknown',
      hiddenSize,
      vocabSize,
      maxPositionEmbeddings,
      tieWordEmbeddings: tie,
      attention,
      kinds,
      layers: index,
      normsPerLayer: family.normsPerLayer,
      finalNorms: family.normsPerLayer === 0 ? 0 : 1,
      normBias: family.normBias,
      headBias,
      learnedPositions: family.learnedPositions ? maxPositionEmbeddings : 0,
      weightBits,
      quantized,
      tag: origin.tag ?? (family.known ? 'published' : 'guessed'),
      source: origin.source,
      notes: [...(origin.notes ?? []), ...this.notes],
    };
  }

  private attention(hiddenSize: number): Attention {
    const heads = this.size('num_attention_heads', 'n_head', 'n_heads');
    const mla = this.optional('kv_lora_rank');
    if (mla !== null) return this.latentAttention(heads, mla);
    const kvHeads = this.kvHeads(heads);
    if (heads % kvHeads !== 0) {
      this.fail('num_key_value_heads', String(kvHeads), `a divisor of the ${heads} attention heads`);
    }
    const headDim = this.optional('head_dim', 'attention_head_dim') ?? hiddenSize / heads;
    if (!Number.isInteger(headDim)) {
      this.fail(
        'num_attention_heads',
        String(heads),
        `a divisor of hidden_size ${hiddenSize}, or a head_dim`,
      );
    }
    const { family } = this;
    const bias = this.flag('attention_bias', 'use_bias', 'bias');
    const qkvBias = this.flag('qkv_bias', 'use_qkv_bias') ?? bias ?? family.qkvBias;
    const outputBias =
      this.flag('attention_out_bias', 'o_proj_bias') ?? (family.outputBiasFollows ? bias : null);
    const qkNorm = this.flag('use_qk_norm', 'qk_layernorm');
    return {
      kind: 'gqa',
      numAttentionHeads: heads,
      numKeyValueHeads: kvHeads,
      headDim,
      qkvBias,
      outputBias: outputBias ?? family.outputBias,
      qkNorm:
        qkNorm === false
          ? 'none'
          : qkNorm === true && family.qkNorm === 'none'
            ? family.qkNormKind
            : family.qkNorm,
      sinks: family.sinks,
    };
  }

  private kvHeads(heads: number): number {
    if (this.flag('multi_query') === true && this.flag('new_decoder_architecture') !== true) return 1;
    return this.optional('num_key_value_heads', 'num_kv_heads', 'n_kv_heads', 'n_head_kv') ?? heads;
  }

  private latentAttention(heads: number, kvLoraRank: number): Attention {
    const indexHeads = this.optional('index_n_heads');
    this.optional('num_key_value_heads', 'head_dim', 'qk_head_dim', 'v_head_dim');
    this.flag('attention_bias');
    return {
      kind: 'mla',
      numAttentionHeads: heads,
      qLoraRank: this.optional('q_lora_rank'),
      kvLoraRank,
      qkNopeHeadDim: this.size('qk_nope_head_dim'),
      qkRopeHeadDim: this.size('qk_rope_head_dim'),
      vHeadDim: this.size('v_head_dim'),
      indexer:
        indexHeads === null
          ? null
          : { heads: indexHeads, headDim: this.size('index_head_dim'), topK: this.size('index_topk') },
    };
  }

  private layerKinds(layers: number): { kinds: LayerKind[]; index: number[] } {
    const windows = this.windows(layers);
    const mlps = this.mlps(layers);
    const kinds: LayerKind[] = [];
    const seen = new Map<string, number>();
    const index = Array.from({ length: layers }, (_, layer) => {
      const kind = { window: windows[layer]!, mlp: mlps[layer]! };
      const key = `${kind.window} ${kind.mlp.kind}`;
      let at = seen.get(key);
      if (at === undefined) {
        at = kinds.push(kind) - 1;
        seen.set(key, at);
      }
      return at;
    });
    return { kinds, index };
  }

  /** The attention window of every layer; null: full attention. */
  private windows(layers: number): (number | null)[] {
    const window = this.optional('sliding_window', 'attention_chunk_size');
    const used = this.flag('use_sliding_window');
    const from = this.optional('max_window_layers');
    const pattern =
      this.optional('sliding_window_pattern', '_sliding_window_pattern') ?? this.family.windowPattern;
    const types = this.strings('layer_types');
    if (types !== null) {
      if (types.length !== layers)
        this.fail('layer_types', `${types.length} entries`, `${layers}, one per layer`);
      return types.map((type) => {
        if (type === 'full_attention') return null;
        if ((type === 'sliding_attention' || type === 'chunked_attention') && window !== null) return window;
        return this.fail(
          'layer_types',
          JSON.stringify(type),
          'full_attention, or sliding_attention with a sliding_window',
        );
      });
    }
    const every = Array.from({ length: layers }, (_, layer) => layer);
    if (window === null || used === false) return every.map(() => null);
    if (pattern !== null) return every.map((layer) => ((layer + 1) % pattern === 0 ? null : window));
    return every.map((layer) => (used === true && from !== null && layer < from ? null : window));
  }

  private mlps(layers: number): (DenseMlp | MoeMlp)[] {
    const experts = this.optional('num_experts', 'num_local_experts', 'n_routed_experts', 'moe_num_experts');
    const width = this.optional('intermediate_size', 'n_inner', 'ffn_dim', 'ffn_hidden_size');
    const bias = this.flag('mlp_bias') ?? this.flag('use_bias', 'bias') ?? this.family.mlpBias;
    const gated = this.family.gated;
    const denseWidth = this.optional('intermediate_size_mlp') ?? width;
    const dense = (): DenseMlp => ({
      kind: 'dense',
      intermediateSize:
        denseWidth ?? this.family.defaultWidth * this.size('hidden_size', 'n_embd', 'd_model', 'dim'),
      gated,
      bias,
    });
    if (experts === null || experts <= 1) return Array.from({ length: layers }, dense);
    const first = this.optional('first_k_dense_replace') ?? 0;
    const step = this.optional('moe_layer_freq', 'decoder_sparse_step', 'interleave_moe_layer_step') ?? 1;
    const only = new Set(this.numbers('mlp_only_layers') ?? []);
    const moe = this.moe(experts, width, bias);
    return Array.from({ length: layers }, (_, layer) => {
      // DeepSeek counts sparse layers from 0, Qwen and Llama 4 from 1; with a step of 1 all are sparse.
      const sparse = layer >= first && !only.has(layer) && (layer + 1) % step === 0;
      return sparse ? moe : dense();
    });
  }

  private moe(numExperts: number, width: number | null, bias: boolean): MoeMlp {
    const perToken = this.size(
      'num_experts_per_tok',
      'experts_per_token',
      'moe_topk',
      'num_experts_per_token',
    );
    if (perToken > numExperts) {
      this.fail('num_experts_per_tok', String(perToken), `at most the ${numExperts} experts`);
    }
    const own = this.optional('moe_intermediate_size', 'expert_intermediate_size') ?? width;
    if (own === null) this.fail('moe_intermediate_size', 'nothing', 'the width of an expert');
    const sharedCount = this.optional('n_shared_experts', 'num_shared_experts');
    const sharedWidth = this.optional('shared_expert_intermediate_size', 'shared_intermediate_size');
    const shared = sharedWidth ?? (sharedCount ?? this.family.sharedExperts) * own!;
    return {
      kind: 'moe',
      numExperts,
      numExpertsPerTok: perToken,
      moeIntermediateSize: own!,
      sharedIntermediateSize: shared,
      sharedGate: shared > 0 && this.family.sharedGate,
      gated: this.family.gated,
      bias: this.family.expertBias ?? bias,
      routerBias: this.family.routerBias,
    };
  }

  private quantization(): { weightBits: number; quantized: 'linear' | 'experts' } {
    const given = this.config.quantization_config;
    this.read.add('quantization_config');
    if (given === undefined || given === null) return { weightBits: 16, quantized: 'linear' };
    if (!isObject(given)) this.fail('quantization_config', typeof given, 'an object');
    const method = String((given as Json).quant_method ?? (given as Json).quant_algo ?? '').toLowerCase();
    const skipped = (given as Json).modules_to_not_convert;
    const experts = Array.isArray(skipped) && skipped.some((m) => String(m).includes('self_attn'));
    const bits = (given as Json).bits;
    const weightBits =
      typeof bits === 'number' && bits > 0 && bits <= 16
        ? bits
        : /fp4|int4|awq|gptq|w4/.test(method)
          ? 4
          : /fp8|int8|w8/.test(method)
            ? 8
            : 16;
    if (weightBits === 16)
      this.notes.push(`quantization method "${method}" is not known: weights counted as 16 bit`);
    return { weightBits, quantized: experts ? 'experts' : 'linear' };
  }

  /** Names the fields that were not understood and might change a shape. */
  private refuseUnread(): void {
    for (const [field, value] of Object.entries(this.config)) {
      if (this.read.has(field) || this.family.neutral.includes(field) || isNeutral(field, value)) continue;
      throw new ModelError({
        what: `config of ${this.origin.name}, field "${field}"`,
        given: `${JSON.stringify(value).slice(0, 60)} with model_type ${JSON.stringify(this.config.model_type ?? null)}`,
        expected: 'fields whose effect on the shape is known',
        todo: 'Remove the field if it changes no weight, or write a card with the equivalent known fields.',
      });
    }
  }

  /** The first of the names that is present, as a positive integer. */
  private size(...names: string[]): number {
    const value = this.optional(...names);
    if (value === null || value === 0) {
      const given = names.some((name) => name in this.config)
        ? String(this.config[names.find((n) => n in this.config)!])
        : 'nothing';
      return this.fail(names[0]!, given, 'a positive integer');
    }
    return value;
  }

  /** Like {@link size}; null where the field is absent, null or (for counts that may be none) 0. */
  private optional(...names: string[]): number | null {
    for (const name of names) this.read.add(name);
    for (const name of names) {
      const value = this.config[name];
      if (value === undefined || value === null || value === false) continue;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > LIMITS.dimension) {
        return this.fail(
          name,
          JSON.stringify(value).slice(0, 60),
          `an integer from 0 to ${LIMITS.dimension}`,
        );
      }
      return value;
    }
    return null;
  }

  private flag(...names: string[]): boolean | null {
    for (const name of names) this.read.add(name);
    for (const name of names) {
      const value = this.config[name];
      if (value === undefined || value === null) continue;
      if (typeof value !== 'boolean')
        return this.fail(name, JSON.stringify(value).slice(0, 60), 'true or false');
      return value;
    }
    return null;
  }

  private strings(name: string): string[] | null {
    return this.list(name, (item): item is string => typeof item === 'string', 'an array of strings');
  }

  private numbers(name: string): number[] | null {
    return this.list(name, (item): item is number => Number.isInteger(item), 'an array of integers');
  }

  private list<T>(name: string, is: (item: unknown) => item is T, expected: string): T[] | null {
    this.read.add(name);
    const value = this.config[name];
    if (value === undefined || value === null) return null;
    if (!Array.isArray(value) || !value.every(is))
      return this.fail(name, JSON.stringify(value).slice(0, 60), expected);
    return value;
  }

  private fail(field: string, given: string, expected: string): never {
    throw new FormatError({
      what: `config of ${this.origin.name}, field "${field}"`,
      given,
      expected,
      todo: 'Correct the config.json.',
    });
  }
}
