/**
 * Reads a Hugging Face config.json into a model card. What families share is read by its usual name; what they
 * do differently without saying so in the file stands in cardFamilies.ts. A field that is neither read here nor
 * known to leave shapes alone is an error: a planner must not guess about weights it cannot see.
 */
import { FormatError } from '../src/core/errors.js';
import type { Tag } from '../src/core/provenance.js';
import type { LayerKind, ModelCard } from './card.js';
import { partBits, type Quantization, readQuantization } from './card-bits.js';
import { type Family, familyOf, isNeutral } from './card-families.js';
import { Fields, isObject, type Json } from './card-fields.js';
import { blockMlps, layerAttention } from './card-layers.js';
import { type HybridLayer, hybridLayers } from './card-mixers.js';
import { layersOf } from './card-model.js';
import { opsOfParts } from './layer-ops.js';
import type { Attention, DenseMlp, LayerParts, ModelParts, MoeMlp } from './layer-parts.js';
import { joined } from './products.js';

export interface CardOrigin {
  readonly name: string;
  readonly source: string;
  readonly tag?: Tag;
  readonly notes?: readonly string[];
}

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
  if (isObject(config.attn_config) || isObject(config.ffn_config)) {
    const { attn_config, ffn_config, ...rest } = config;
    const flat = {
      ...(isObject(attn_config) ? attn_config : {}),
      ...(isObject(ffn_config) ? ffn_config : {}),
    };
    return cardFromConfig({ ...withoutTypes(flat), ...rest }, origin);
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

/** Parts of a config name their own type, which is not the model's. */
function withoutTypes({ model_type: _, ...rest }: Record<string, unknown>): Json {
  return rest;
}

/** A block without an MLP. */
const NO_MLP: DenseMlp = { kind: 'dense', intermediateSize: 0, gated: false, bias: false };
/** Where a config names no heads at all, a model of states is cut over at most so many machines. */
const STATE_HEADS = 8;

/** More layers than this are a mistake, not a model. */
const MAX_LAYERS = 10_000;

/** Puts a card together from the fields of one config. */
class Reader {
  private readonly notes: string[] = [];
  private readonly config: Json;
  private readonly origin: CardOrigin;
  private readonly family: Family;
  private readonly fields: Fields;

  constructor(config: Json, origin: CardOrigin) {
    this.origin = origin;
    const modelType = config.model_type;
    this.family = familyOf(typeof modelType === 'string' ? modelType : '');
    // What the file leaves out is what the family's class says.
    const taken = Object.keys(this.family.defaults).filter((field) => config[field] === undefined);
    this.config = { ...this.family.defaults, ...config };
    this.fields = new Fields(this.config, origin.name);
    if (taken.length > 0) this.notes.push(`class defaults taken: ${taken.join(', ')}`);
    if (!this.family.known) this.notes.push(`model_type ${JSON.stringify(modelType)} is read as Llama-like`);
  }

  card(): ModelCard {
    const hiddenSize = this.fields.size('hidden_size', 'n_embd', 'n_embed', 'd_model', 'dim');
    const listed = this.config.layers_block_type;
    const layers = Array.isArray(listed)
      ? listed.length
      : this.fields.size('num_hidden_layers', 'n_layer', 'n_layers', 'num_layers');
    this.fields.take('num_hidden_layers');
    if (layers > MAX_LAYERS)
      this.fields.fail('num_hidden_layers', String(layers), `at most ${MAX_LAYERS} layers`);
    const vocabSize = this.fields.size('vocab_size');
    const maxPositionEmbeddings =
      this.fields.optional('max_position_embeddings', 'n_positions', 'max_seq_len') ?? 2048;
    const hybrid = hybridLayers(this.config, this.fields, layers, hiddenSize);
    const attention = this.attention(hiddenSize, hybrid);
    const own = layerAttention(this.config, this.fields, attention, layers);
    const { kinds, index } = this.layerParts(layers, hybrid, attention, own);
    const { weightBits, storedBits, quantized, kvBits } = this.quantization();
    const tie = this.fields.flag('tie_word_embeddings') ?? this.family.tied;
    const headBias = this.fields.flag('lm_head_bias') ?? this.family.headBias;
    this.fields.refuseUnread(
      (field, value) => this.family.neutral.includes(field) || isNeutral(field, value),
    );
    const { family, origin } = this;
    const model: ModelParts = {
      hiddenSize,
      vocabSize,
      maxPositionEmbeddings,
      tieWordEmbeddings: tie,
      normsPerLayer: family.normsPerLayer,
      normBias: family.normBias,
      headBias,
      learnedPositions: family.learnedPositions,
    };
    const built = kinds.map((parts) => layersOf(opsOfParts(parts, model)));
    return {
      name: origin.name,
      modelType: typeof this.config.model_type === 'string' ? this.config.model_type : 'unknown',
      hiddenSize,
      vocabSize,
      maxPositionEmbeddings,
      before: built[0]!.before,
      kinds: kinds.map(
        ({ mixer }, at): LayerKind => ({
          ops: joined(built[at]!.layers[0] ?? []),
          isAgain: false,
          top: 'topK' in mixer ? (mixer.topK ?? null) : null,
        }),
      ),
      layers: index,
      after: built[0]!.after,
      evenRouting: family.evenRouting,
      weightBits,
      quantized,
      storedBits,
      kvBits,
      tag: origin.tag ?? (family.known ? 'published' : 'guessed'),
      source: origin.source,
      notes: [...(origin.notes ?? []), ...this.notes],
    };
  }

  private attention(hiddenSize: number, hybrid: readonly HybridLayer[] | null): Attention {
    // A model of states alone has no heads of attention; its own decide how it may be cut.
    const states = hybrid?.every(({ mixer }) => mixer !== null) ?? false;
    const named = ['num_attention_heads', 'n_head', 'n_heads', ...(states ? ['num_heads'] : [])];
    const heads = states ? (this.fields.optional(...named) ?? STATE_HEADS) : this.fields.size(...named);
    const mla = this.fields.optional('kv_lora_rank');
    if (mla !== null) return this.latentAttention(heads, mla);
    const kvHeads = this.kvHeads(heads);
    if (heads % kvHeads !== 0) {
      this.fields.fail('num_key_value_heads', String(kvHeads), `a divisor of the ${heads} attention heads`);
    }
    const headDim =
      this.fields.optional('head_dim', 'attention_head_dim') ?? (states ? 1 : hiddenSize / heads);
    if (!Number.isInteger(headDim)) {
      this.fields.fail(
        'num_attention_heads',
        String(heads),
        `a divisor of hidden_size ${hiddenSize}, or a head_dim`,
      );
    }
    const { family } = this;
    const bias = this.fields.flag('attention_bias', 'use_bias', 'bias');
    const qkvBias = this.fields.flag('qkv_bias', 'use_qkv_bias') ?? bias ?? family.qkvBias;
    const outputBias =
      this.fields.flag('attention_out_bias', 'o_proj_bias') ?? (family.outputBiasFollows ? bias : null);
    const qkNorm = this.fields.flag('use_qk_norm', 'qk_layernorm');
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
      outputGate: this.fields.flag('attn_output_gate', 'attention_output_gate') ?? family.outputGate,
    };
  }

  private kvHeads(heads: number): number {
    if (this.fields.flag('multi_query') === true && this.fields.flag('new_decoder_architecture') !== true)
      return 1;
    return (
      this.fields.optional('num_key_value_heads', 'num_kv_heads', 'n_kv_heads', 'kv_n_heads', 'n_head_kv') ??
      heads
    );
  }

  private latentAttention(heads: number, kvLoraRank: number): Attention {
    const indexHeads = this.fields.optional('index_n_heads');
    const outputGate = this.fields.flag('mla_use_output_gate') === true;
    this.fields.optional('num_key_value_heads', 'head_dim', 'qk_head_dim', 'v_head_dim');
    this.fields.flag('attention_bias');
    return {
      kind: 'mla',
      numAttentionHeads: heads,
      qLoraRank: this.fields.optional('q_lora_rank'),
      kvLoraRank,
      qkNopeHeadDim: this.fields.size('qk_nope_head_dim'),
      qkRopeHeadDim: this.fields.size('qk_rope_head_dim'),
      vHeadDim: this.fields.size('v_head_dim'),
      ...(outputGate && { outputGate }),
      indexer:
        indexHeads === null
          ? null
          : {
              heads: indexHeads,
              headDim: this.fields.size('index_head_dim'),
              topK: this.fields.size('index_topk'),
            },
    };
  }

  private layerParts(
    layers: number,
    hybrid: readonly HybridLayer[] | null,
    attention: Attention,
    own: readonly (Attention | undefined)[],
  ): { kinds: LayerParts[]; index: number[] } {
    const windows = this.windows(layers);
    const mlps = blockMlps(this.config, this.fields) ?? this.mlps(layers);
    const kinds: LayerParts[] = [];
    const seen = new Map<string, number>();
    const index = Array.from({ length: layers }, (_, layer) => {
      const { mixer = null, mlp: only } = hybrid?.[layer] ?? {};
      const parts: LayerParts = {
        mixer: mixer ?? own[layer] ?? attention,
        window: mixer === null ? windows[layer]! : null,
        mlp: only === 'none' ? NO_MLP : (this.onlyMlp(only, mlps) ?? mlps[layer]!),
      };
      const key = JSON.stringify(parts);
      let at = seen.get(key);
      if (at === undefined) {
        at = kinds.push(parts) - 1;
        seen.set(key, at);
      }
      return at;
    });
    return { kinds, index };
  }

  /** The MLP of a block that is nothing else. */
  private onlyMlp(
    kind: 'dense' | 'moe' | undefined,
    mlps: readonly (DenseMlp | MoeMlp)[],
  ): DenseMlp | MoeMlp | null {
    if (kind === undefined) return null;
    const found = mlps.find((mlp) => mlp.kind === kind);
    if (found) return found;
    return this.fields.fail('hybrid_override_pattern', `a block of ${kind}`, `the sizes of ${kind} blocks`);
  }

  /** The attention window of every layer; null: full attention. */
  private windows(layers: number): (number | null)[] {
    const window = this.fields.optional('sliding_window', 'attention_chunk_size');
    const used = this.fields.flag('use_sliding_window');
    const from = this.fields.optional('max_window_layers');
    const pattern = this.windowPattern() ?? this.family.windowPattern;
    const types = this.fields.strings('layer_types');
    if (types !== null) {
      if (types.length !== layers)
        this.fields.fail('layer_types', `${types.length} entries`, `${layers}, one per layer`);
      return types.map((type) => {
        if (/^(full_attention|attention|linear_attention|mamba|conv|deepseek_sparse_attention)$/.test(type))
          return null;
        if ((type === 'sliding_attention' || type === 'chunked_attention') && window !== null) return window;
        return this.fields.fail(
          'layer_types',
          JSON.stringify(type),
          'full_attention, or sliding_attention with a sliding_window',
        );
      });
    }
    const every = Array.from({ length: layers }, (_, layer) => layer);
    // MiMo marks its windowed layers with 1.
    const marks = this.fields.numbers('hybrid_layer_pattern');
    if (marks !== null) return every.map((layer) => (marks[layer] === 1 ? window : null));
    if (window === null || used === false) return every.map(() => null);
    if (pattern !== null) return every.map((layer) => ((layer + 1) % pattern === 0 ? null : window));
    return every.map((layer) => (used === true && from !== null && layer < from ? null : window));
  }

  /** Every n-th layer sees everything; also written as a word such as LLLG, local and global. */
  private windowPattern(): number | null {
    const word = this.config.sliding_window_pattern;
    if (typeof word !== 'string')
      return this.fields.optional('sliding_window_pattern', '_sliding_window_pattern');
    this.fields.take('sliding_window_pattern');
    if (/^L+G$/.test(word)) return word.length;
    return this.fields.fail(
      'sliding_window_pattern',
      JSON.stringify(word),
      'a number, or local layers and a global one as LLLG',
    );
  }

  private mlps(layers: number): (DenseMlp | MoeMlp)[] {
    const experts = this.fields.optional(
      'num_experts',
      'num_local_experts',
      'n_routed_experts',
      'moe_num_experts',
    );
    const sparse = this.fields.strings('mlp_layer_types');
    const width = this.fields.optional('intermediate_size', 'n_inner', 'ffn_dim', 'ffn_hidden_size');
    const bias = this.fields.flag('mlp_bias') ?? this.fields.flag('use_bias', 'bias') ?? this.family.mlpBias;
    const gated = this.family.gated;
    const denseWidth =
      this.fields.optional('intermediate_size_mlp', 'dense_intermediate_size') ?? this.adjustedWidth(width);
    const dense = (): DenseMlp => ({
      kind: 'dense',
      intermediateSize:
        denseWidth ??
        this.family.defaultWidth * this.fields.size('hidden_size', 'n_embd', 'n_embed', 'd_model', 'dim'),
      gated,
      bias,
    });
    if (experts === null || experts <= 1) {
      // A hybrid of Granite without experts has its shared expert alone.
      this.fields.optional('num_experts_per_tok', 'shared_intermediate_size');
      return Array.from({ length: layers }, dense);
    }
    const first =
      this.fields.optional('first_k_dense_replace', 'moe_layer_start_index', 'num_dense_layers') ?? 0;
    // One flag per layer, as newer DeepSeek-like files have it.
    const flags =
      sparse?.map((type) => (type === 'dense' ? 0 : 1)) ??
      (Array.isArray(this.config.moe_layer_freq) ? this.fields.numbers('moe_layer_freq') : null);
    if (flags !== null && flags.length !== layers)
      this.fields.fail('moe_layer_freq', `${flags.length} entries`, `${layers}, one per layer`);
    this.fields.take('moe_layer_freq');
    const step =
      flags !== null
        ? 1
        : (this.fields.optional(
            'moe_layer_freq',
            'decoder_sparse_step',
            'interleave_moe_layer_step',
            'moe_layer_interval',
          ) ?? 1);
    const only = new Set(this.fields.numbers('mlp_only_layers') ?? []);
    const period = this.fields.optional('expert_layer_period');
    const offset = this.fields.optional('expert_layer_offset') ?? 0;
    const moe = this.moe(experts, width, bias);
    return Array.from({ length: layers }, (_, layer) => {
      // DeepSeek counts sparse layers from 0, Qwen and Llama 4 from 1; with a step of 1 all are sparse.
      const isSparse =
        period !== null
          ? layer % period === offset
          : flags === null
            ? (layer + 1) % step === 0
            : flags[layer] !== 0;
      const sparse = layer >= first && !only.has(layer) && isSparse;
      return sparse ? moe : dense();
    });
  }

  /** LFM2 states a width of which its class takes two thirds, times a factor, up to a whole multiple. */
  private adjustedWidth(width: number | null): number | null {
    const multiple = this.fields.optional('block_multiple_of');
    if (this.fields.flag('block_auto_adjust_ff_dim') !== true || width === null || multiple === null)
      return width;
    this.fields.take('block_ffn_dim_multiplier');
    const factor = Number(this.config.block_ffn_dim_multiplier ?? 1);
    return multiple * Math.ceil(Math.floor(factor * Math.floor((2 * width) / 3)) / multiple);
  }

  private moe(numExperts: number, width: number | null, bias: boolean): MoeMlp {
    const perToken = this.fields.size(
      'num_experts_per_tok',
      'moe_k',
      'moe_top_k',
      'experts_per_token',
      'moe_topk',
      'num_experts_per_token',
      'top_k_experts',
    );
    const latent = this.fields.optional('moe_latent_size', 'routed_expert_hidden_size');
    if (perToken > numExperts) {
      this.fields.fail('num_experts_per_tok', String(perToken), `at most the ${numExperts} experts`);
    }
    const own = this.fields.optional('moe_intermediate_size', 'expert_intermediate_size') ?? width;
    if (own === null) this.fields.fail('moe_intermediate_size', 'nothing', 'the width of an expert');
    const sharedCount = this.fields.optional(
      'n_shared_experts',
      'num_shared_experts',
      'moe_num_shared_experts',
    );
    const sharedWidth = this.fields.optional(
      'shared_expert_intermediate_size',
      'shared_intermediate_size',
      'moe_shared_expert_intermediate_size',
      'share_expert_dim',
    );
    // Gemma 4 has experts beside the MLP that all its layers have.
    const beside = this.fields.flag('enable_moe_block') === true ? width : null;
    const shared = beside ?? sharedWidth ?? (sharedCount ?? this.family.sharedExperts) * own!;
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
      ...(latent !== null && { latentSize: latent }),
    };
  }

  private quantization(): Quantization {
    const given = this.config.quantization_config ?? undefined;
    this.fields.take('quantization_config');
    if (given !== undefined && !isObject(given)) {
      this.fields.fail('quantization_config', typeof given, 'an object');
    }
    if (given === undefined) {
      const storedBits = partBits(16, 'linear');
      return { weightBits: 16, storedBits, quantized: 'linear', kvBits: null, unknown: null };
    }
    const read = readQuantization(given as Json);
    if (read.unknown !== null)
      this.notes.push(`quantization method "${read.unknown}" is not known: weights counted as 16 bit`);
    return read;
  }
}
