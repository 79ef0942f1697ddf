/**
 * What a model says of itself: the `${architecture}.*` keys of a GGUF file, read once and the same way for all
 * architectures, and which tensors there are. Keys that nobody asks for change nothing.
 */
import { FormatError, ModelError } from '../src/core/errors.js';
import type { PoolOp, RopeTable, WeightRef, Window } from './op.js';

/** A model's file, as far as its description goes: a GGUF file, or a folder that is read as one. */
export interface ModelFile {
  /** For messages. */
  readonly name: string;
  /** The value of a metadata key: number, bigint, boolean, string or an array of them; undefined where it is absent. */
  value(key: string): unknown;
  /** Shape of a tensor, slowest dimension first; null where there is none. */
  shape(tensor: string): readonly number[] | null;
  readonly tensorCount: number;
}

/** Positions stretched by the user's wish, in place of what the file says. */
export interface RopeStretch {
  readonly type: 'linear' | 'yarn';
  readonly factor: number;
}

/** Largest value of any dimension: ggml's own int32 limit; keeps every product exact. */
const maxDimension = 2 ** 31 - 1;

/** Shorter contexts are no use. */
const leastWhole = 1024;

export class Config {
  readonly file: ModelFile;
  readonly architecture: string;
  readonly layers: number;
  readonly hasLayersAhead: boolean;
  readonly hidden: number;
  readonly vocab: number;
  /** Positions that the model was trained for. */
  readonly context: number;
  readonly stretch: RopeStretch | null;
  private readonly headCounts: readonly number[];
  private readonly kvHeadCounts: readonly number[];
  private readonly ffnSizes: readonly number[];
  /** The longest context in which every position is attended to. */
  wholeUpTo: number = Number.POSITIVE_INFINITY;

  constructor(file: ModelFile, stretch: RopeStretch | null = null) {
    this.file = file;
    this.stretch = stretch;
    const architecture = file.value('general.architecture');
    if (typeof architecture !== 'string') throw this.wrong('general.architecture', architecture, 'a string');
    this.architecture = architecture;
    const blocks = this.positive('block_count');
    if (blocks > file.tensorCount) {
      throw new ModelError({
        what: `${file.name}: metadata "${architecture}.block_count"`,
        given: `${blocks} layers`,
        expected: `no more than the ${file.tensorCount} tensors of the file`,
        todo: 'The file disagrees with itself: fetch or convert it again.',
      });
    }
    // Layers that only guess tokens ahead come last and take no part.
    this.layers = blocks - this.count('nextn_predict_layers', 0);
    this.hasLayersAhead = this.layers < blocks;
    this.hidden = this.positive('embedding_length');
    this.context = this.positive('context_length');
    this.vocab = this.positive('vocab_size', file.shape('token_embd.weight')?.[0] ?? 0);
    this.headCounts = this.perLayer('attention.head_count', 0);
    this.kvHeadCounts = this.perLayer('attention.head_count_kv', this.headCounts);
    this.ffnSizes = this.perLayer('feed_forward_length', 0);
  }

  private get(key: string): unknown {
    return this.file.value(`${this.architecture}.${key}`);
  }

  private wrong(key: string, given: unknown, expected: string): FormatError {
    const text = ArrayBuffer.isView(given) || Array.isArray(given) ? 'an array' : String(given);
    return new FormatError({
      what: `${this.file.name}: metadata "${key.includes('general.') ? key : `${this.architecture}.${key}`}"`,
      given: given === undefined ? 'no such key' : text.slice(0, 80),
      expected,
      todo: 'Convert the model again with a current converter.',
    });
  }

  /** A number; an array counts as one where all of it is equal. */
  number(key: string, fallback?: number): number {
    let value = this.get(key);
    if (value === undefined && fallback !== undefined) return fallback;
    const all = numbersOf(value);
    if (all !== null && all.length > 0 && all.every((one) => one === all[0])) value = all[0];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.wrong(key, value, 'a number');
  }

  /** A whole number, 0 or more. */
  count(key: string, fallback?: number): number {
    const value = this.number(key, fallback);
    if (Number.isSafeInteger(value) && value >= 0 && value <= maxDimension) return value;
    throw this.wrong(key, value, `a whole number from 0 to ${maxDimension}`);
  }

  positive(key: string, fallback?: number): number {
    const value = this.count(key, fallback);
    if (value >= 1) return value;
    throw this.wrong(key, value, `1 to ${maxDimension}`);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.get(key);
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, value, 'true or false');
  }

  text(key: string, fallback: string): string {
    const value = this.get(key);
    if (value === undefined) return fallback;
    if (typeof value === 'string') return value;
    throw this.wrong(key, value, 'a string');
  }

  /** One number per layer; a single one serves all. */
  perLayer(key: string, fallback: number | readonly number[]): readonly number[] {
    const value = this.get(key);
    if (value === undefined) {
      return typeof fallback === 'number' ? new Array<number>(this.blocks).fill(fallback) : fallback;
    }
    const all = numbersOf(value) ?? [this.number(key)];
    if (all.length !== 1 && all.length < this.layers)
      throw this.wrong(key, value, `a number, or one for each of ${this.layers} layers`);
    return all.length === 1 ? new Array<number>(this.blocks).fill(all[0]!) : all;
  }

  private get blocks(): number {
    return this.count('block_count');
  }

  heads(layer: number): number {
    return this.headCounts[layer]!;
  }

  kvHeads(layer: number): number {
    return this.kvHeadCounts[layer]!;
  }

  ffn(layer: number): number {
    return this.ffnSizes[layer]!;
  }

  /** Features of a head's queries and keys. */
  get headDim(): number {
    return this.positive('attention.key_length', Math.floor(this.hidden / (this.heads(0) || 1)) || 1);
  }

  /** Features of a head's values. */
  get valueDim(): number {
    return this.positive('attention.value_length', Math.floor(this.hidden / (this.heads(0) || 1)) || 1);
  }

  /** Under LayerNorm's name where a file has that alone, as Nemotron-H's do. */
  get rmsEps(): number {
    const [own, other] = ['attention.layer_norm_rms_epsilon', 'attention.layer_norm_epsilon'] as const;
    return this.eps(this.get(own) === undefined && this.get(other) !== undefined ? other : own);
  }

  get layerEps(): number {
    return this.eps('attention.layer_norm_epsilon');
  }

  private eps(key: string): number {
    const value = this.number(key);
    if (value > 0 && value < 1) return value;
    throw this.wrong(key, value, 'an epsilon between 0 and 1');
  }

  /** Whether a position sees those before it alone. */
  get isCausal(): boolean {
    return this.flag('attention.causal', true);
  }

  /** How an input's rows become one vector, where the file says it. */
  get pooling(): PoolOp['how'] | null {
    const key = this.isRanker ? 'classifier.pooling_type' : 'pooling_type';
    return ([null, 'mean', 'first', 'last'] as const)[this.poolingNumber(key, 4)]!;
  }

  /** Whether a classifier behind the pooled vector says how well two texts go together. */
  get isRanker(): boolean {
    return this.poolingNumber('pooling_type', 5) === 4;
  }

  /** llama.cpp's number; -1, as 32 bits without a sign, says nothing. */
  private poolingNumber(key: string, end: number): number {
    return this.number(key, 0) === 0xffffffff ? 0 : this.below(key, end, 0);
  }

  /** Whether positions have parts for images: a token of text has the same in all, and turns halves. */
  get hasSections(): boolean {
    return (numbersOf(this.get('rope.dimension_sections')) ?? []).some((size) => size > 0);
  }

  has(tensor: string): boolean {
    return this.file.shape(tensor) !== null;
  }

  /** For each layer whether it sees a window: the key's flags, or all but every `period`-th (`first`: the first of it). */
  windowed(period: number, { isFirstWhole = false } = {}): readonly boolean[] {
    const value = this.get('attention.sliding_window_pattern');
    const flags = Array.isArray(value) ? value : value !== undefined ? numbersOf(value) : null;
    if (flags !== null && flags.length > 1) return Array.from(flags, Boolean);
    const every = this.count('attention.sliding_window_pattern', period);
    return Array.from({ length: this.layers }, (_, l) =>
      every === 0 ? true : isFirstWhole ? l % every !== 0 : l % every < every - 1,
    );
  }

  /** What a folder says of a layer and GGUF has no key for, nor architectures a rule: a window, no positions. */
  saidOf(layer: number): { readonly window?: Window; readonly rope?: null; readonly scale?: number } {
    const size = this.file.value('waferflow.attention.sliding_window');
    const scale = this.file.value('waferflow.attention.scale');
    const isIn = (key: string): boolean | undefined => {
      const flag = numbersOf(this.file.value(`waferflow.${key}`))?.[layer];
      return flag === undefined ? undefined : flag !== 0;
    };
    return {
      ...(Number.isSafeInteger(size) &&
        (size as number) >= 1 &&
        isIn('attention.sliding_window_pattern') && {
          window: { kind: 'sliding', size: size as number } as const,
        }),
      ...(isIn('rope.layers') === false && { rope: null }),
      ...(typeof scale === 'number' && scale > 0 && { scale }),
    };
  }

  /** A whole number below `end`. */
  below(key: string, end: number, fallback?: number): number {
    const value = this.count(key, fallback);
    if (value < end) return value;
    throw this.wrong(key, value, `0 to ${end - 1}`);
  }

  /**
   * An indexer keeps so many positions: up to a context of as many it keeps all, and beyond there is no kernel here.
   * @throws ModelError where that is too short for a text
   */
  requireWhole(kept: number): void {
    this.wholeUpTo = Math.min(this.wholeUpTo, kept);
    if (kept >= Math.min(this.context, leastWhole)) return;
    throw new ModelError({
      what: `${this.file.name}: metadata "${this.architecture}.attention.indexer.top_k"`,
      given: `attention to ${kept} of ${this.context} positions`,
      expected: `attention to at least ${leastWhole}, or to all positions of the context`,
      todo: 'Choose a model without sparse attention.',
    });
  }

  /** Of latent attention: the compressed row, and a head's key and value before compression. */
  latentSizes(): { readonly rank: number; readonly key: number; readonly value: number } {
    return {
      rank: this.positive('attention.kv_lora_rank'),
      key: this.positive('attention.key_length_mla', this.headDim),
      value: this.positive('attention.value_length_mla', this.valueDim),
    };
  }

  /** Inner features of each of a layer's experts. */
  expertFfn(layer: number): number {
    return this.perLayer('expert_feed_forward_length', 0)[layer]! || this.ffn(layer);
  }

  /** Inner features of the MLP beside a layer's experts, which may stand for several; `isEach`: the key counts one of them. */
  sharedFfn(layer: number, isEach = false): number {
    const said = this.count('expert_shared_feed_forward_length', 0);
    const shared = this.count('expert_shared_count', 0) || 1;
    return said === 0 ? this.expertFfn(layer) * shared : isEach ? said * shared : said;
  }

  /** How many experts each token of a layer goes to. */
  expertsUsed(layer: number): number {
    const used = this.perLayer('expert_used_count', 0)[layer]!;
    const all = this.positive('expert_count');
    if (Number.isInteger(used) && used >= 1 && used <= all) return used;
    throw this.wrong('expert_used_count', used, `1 to the ${all} experts of "expert_count"`);
  }

  /** Groups of experts of which some are chosen first; null for none. */
  expertGroups(): { readonly count: number; readonly used: number } | null {
    const count = this.count('expert_group_count', 0);
    if (count <= 1) return null;
    const all = this.positive('expert_count');
    if (all % count !== 0) throw this.wrong('expert_group_count', count, `a divisor of the ${all} experts`);
    const used = this.count('expert_group_used_count', 0);
    if (used < 1 || used > count)
      throw this.wrong('expert_group_used_count', used, `1 to the ${count} groups`);
    return { count, used };
  }

  /** @throws ModelError where the file has experts, for an architecture that has none here */
  requireDense(): void {
    const experts = this.count('expert_count', 0);
    if (experts === 0) return;
    throw new ModelError({
      what: `${this.file.name}: metadata "${this.architecture}.expert_count"`,
      given: `${experts} experts`,
      expected: 'a dense model',
      todo: 'Mixture-of-experts models of this architecture can be planned with `waferflow plan`, not run.',
    });
  }

  /** The rotation that the `rope.*` keys ask for; `own` replaces what the architecture does in its own way. */
  rope(own: Partial<RopeTable> & { readonly yarnLogMultiplier?: number } = {}): RopeTable {
    const { yarnLogMultiplier = 0, ...replaced } = own;
    const theta = this.number('rope.freq_base', 10000);
    const dims = this.count('rope.dimension_count', this.headDim);
    if (!(theta > 0)) throw this.wrong('rope.freq_base', theta, 'a positive number');
    if (dims % 2 !== 0) throw this.wrong('rope.dimension_count', dims, 'an even number, as pairs turn');
    const type = this.stretch?.type ?? this.text('rope.scaling.type', 'linear');
    const known = ['none', 'linear', 'yarn', 'longrope', 'llama3'];
    if (!known.includes(type)) throw this.wrong('rope.scaling.type', `"${type}"`, known.join(', '));
    const said = this.number('rope.scaling.factor', this.number('rope.scale_linear', 0));
    if (type === 'yarn' && said === 0 && !this.stretch) this.number('rope.scaling.factor');
    const factor = this.stretch?.factor ?? (said === 0 ? 1 : said);
    if (!(factor > 0)) throw this.wrong('rope.scaling.factor', factor, 'a positive number');
    const original = this.stretch
      ? this.context
      : this.count('rope.scaling.original_context_length', this.context) || this.context;
    const isYarn = type === 'yarn';
    const grown = (times: number): number => (factor <= 1 ? 1 : 0.1 * times * Math.log(factor) + 1);
    const attention = this.number('rope.scaling.attn_factor', 1);
    return {
      dims,
      theta,
      divisor: type === 'linear' || type === 'longrope' ? factor : 1,
      yarn: isYarn ? { factor, originalContext: original, betaFast: 32, betaSlow: 1 } : null,
      factors: this.ropeFactors(type, dims, original),
      llama3: null,
      magnitude:
        attention * (isYarn ? grown(1) / (yarnLogMultiplier === 0 ? 1 : grown(yarnLogMultiplier)) : 1),
      ...replaced,
    };
  }

  /** The tensors that hold divisors of the frequencies, one set or two for short and long contexts. */
  private ropeFactors(type: string, dims: number, beyond: number): RopeTable['factors'] {
    const ref = (name: string): WeightRef | null => (this.has(name) ? { name, shape: [dims / 2] } : null);
    const own = ref('rope_freqs.weight');
    if (own) return { short: own, long: null, beyond: Number.POSITIVE_INFINITY };
    const short = ref('rope_factors_short.weight');
    if (short) return { short, long: ref('rope_factors_long.weight'), beyond };
    if (type !== 'longrope') return null;
    throw new ModelError({
      what: `${this.file.name}: metadata "${this.architecture}.rope.scaling.type"`,
      given: '"longrope" without its factors',
      expected: 'the tensors "rope_factors_short.weight" and "rope_factors_long.weight"',
      todo: 'Convert the model again with a current converter.',
    });
  }
}

/** An array of numbers, whatever its storage; null for anything else. */
function numbersOf(value: unknown): number[] | null {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as unknown as ArrayLike<number | bigint>, Number);
  return Array.isArray(value) && value.every((one) => typeof one === 'number' || typeof one === 'boolean')
    ? value.map(Number)
    : null;
}
