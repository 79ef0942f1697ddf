/**
 * Model cards: the shape of a transformer as numbers, for planning. Everything that timing and placement need
 * follows from the list of matrix products in a layer, so each weight is counted in exactly one place.
 */
import type { Tag } from '../src/core/provenance.js';
import type { StateMixer } from './card-mixers.js';

/** Multi-head, grouped-query or multi-query attention. */
export interface GqaAttention {
  readonly kind: 'gqa';
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  /** RMSNorm of q and k: one weight vector of headDim for all heads, or one over all heads. */
  readonly qkNorm: 'none' | 'perHead' | 'full';
  /** Of a value; absent: as of a key. */
  readonly valueHeadDim?: number;
  /** Values are keys: one projection and one cache for both (Gemma 4). */
  readonly keyIsValue?: boolean;
  /** A scorer picks so many tokens that are attended to; its weights are few and not counted. */
  readonly topK?: number;
  /** The query's projection also makes a gate on the output (Qwen3-Next). */
  readonly outputGate?: boolean;
  /** A learned attention sink per head (gpt-oss). */
  readonly sinks: boolean;
}

/** Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): one latent vector per token is cached. */
export interface MlaAttention {
  readonly kind: 'mla';
  readonly numAttentionHeads: number;
  /** Null: q is projected directly. */
  readonly qLoraRank: number | null;
  readonly kvLoraRank: number;
  readonly qkNopeHeadDim: number;
  readonly qkRopeHeadDim: number;
  readonly vHeadDim: number;
  /** A gate on the output of every head (Kimi K3). */
  readonly outputGate?: boolean;
  /** DeepSeek sparse attention: a small scorer picks the `topK` tokens that are attended to. */
  readonly indexer: { readonly heads: number; readonly headDim: number; readonly topK: number } | null;
}

export type Attention = GqaAttention | MlaAttention;

/** `gated` has three matrices (gate, up, down), otherwise two. */
export interface DenseMlp {
  readonly kind: 'dense';
  readonly intermediateSize: number;
  readonly gated: boolean;
  readonly bias: boolean;
}

export interface MoeMlp {
  readonly kind: 'moe';
  readonly numExperts: number;
  readonly numExpertsPerTok: number;
  readonly moeIntermediateSize: number;
  /** Width of the experts that every token takes; 0: none. */
  readonly sharedIntermediateSize: number;
  /** A learned gate on the shared expert (Qwen2-MoE). */
  readonly sharedGate: boolean;
  readonly gated: boolean;
  readonly bias: boolean;
  readonly routerBias: boolean;
  /** Width that tokens are brought down to before the routed experts, and up from after; absent: none. */
  readonly latentSize?: number;
}

/** What distinguishes the layers of one model from one another. */
export interface LayerKind {
  /** Attention of layers of this kind; absent: that of the card. */
  readonly attention?: Attention;
  /** What stands in for attention; absent: nothing does. */
  readonly mixer?: StateMixer;
  /** Tokens that a query sees; null: all. */
  readonly window: number | null;
  readonly mlp: DenseMlp | MoeMlp;
  /** What a model's ops say of such a layer, in place of what follows from its parts. */
  readonly own?: {
    readonly mixing: readonly Matrix[];
    readonly mlp: readonly Matrix[];
    readonly vectors: { readonly stored: number; readonly active: number };
  };
}

/** What products are multiplied at; stored weights of any width are widened to one of these. */
export type Width = 16 | 8 | 4;

/** Stored bits per weight with all scales, of the parts that checkpoints tell apart. */
export interface StoredBits {
  readonly attention: number;
  readonly mlp: number;
  readonly experts: number;
  /** Embedding and output head. */
  readonly head: number;
}

/** Which matrices a quantisation takes; embedding, head and router stay at 16 bit. */
export type Quantized = 'linear' | 'experts';

export interface ModelCard {
  readonly name: string;
  /** `model_type` of the config.json. */
  readonly modelType: string;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly tieWordEmbeddings: boolean;
  readonly attention: Attention;
  readonly kinds: readonly LayerKind[];
  /** For every layer the index of its kind. */
  readonly layers: readonly number[];
  readonly normsPerLayer: number;
  /** Norms over hiddenSize after the last layer. */
  readonly finalNorms: number;
  readonly normBias: boolean;
  readonly headBias: boolean;
  /** Learned position vectors (GPT-2); 0: none. */
  readonly learnedPositions: number;
  /** Parameters that lie in none of the other parts; absent: none. */
  readonly otherParameters?: number;
  /** Experts were trained to be used equally by a bias on the router (DeepSeek-V3, arXiv:2408.15664). */
  readonly evenRouting: boolean;
  /** The width of the weights as published, and which of them have it (the rest is 16 bit). */
  readonly weightBits: Width;
  readonly quantized: Quantized;
  readonly storedBits: StoredBits;
  /** Of all tensors that take part, as the file has them; absent where there is no file. */
  readonly fileBytes?: number;
  /** Bits of the KV cache that the checkpoint was made for; null where it does not say. */
  readonly kvBits: number | null;
  readonly tag: Tag;
  readonly source: string;
  /** What a reader must know: guesses, defaults taken, parts left out. */
  readonly notes: readonly string[];
}

/** One matrix of a layer, W [rows, columns]; `stored` copies exist (experts), each token uses `active` of them. */
export interface Matrix {
  readonly name:
    | 'qkv'
    | 'latentDown'
    | 'qUp'
    | 'kvUp'
    | 'gate'
    | 'indexer'
    | 'o'
    | 'mixer'
    | 'router'
    | 'expertsIn'
    | 'expertsOut'
    | 'gateUp'
    | 'down'
    | 'lmHead';
  readonly rows: number;
  readonly columns: number;
  readonly stored: number;
  readonly active: number;
  /** The dimension that tensor parallelism cuts; `none` is replicated. */
  readonly split: 'rows' | 'columns' | 'none';
  readonly part: 'attention' | 'mlp' | 'experts' | 'head';
  /** Weights of the file that are stacked in it: 3 for q, k and v, 2 for gate and up. */
  readonly stacked: number;
}

/** Cards never change, and a search over placements asks for their matrices thousands of times. */
const layerCache = new WeakMap<ModelCard, Map<LayerKind, readonly Matrix[]>>();

/** The attention of layers of this kind. */
export function attentionOf(card: ModelCard, kind: LayerKind): Attention {
  return kind.attention ?? card.attention;
}

/** Elements of a token's keys, and of its values. */
function keyValueWidths(a: GqaAttention): readonly [number, number] {
  const keys = a.numKeyValueHeads * a.headDim;
  return [keys, a.keyIsValue ? 0 : a.numKeyValueHeads * (a.valueHeadDim ?? a.headDim)];
}

/** The matrices of attention, in the order in which a token meets them. */
function attentionMatrices(card: ModelCard, kind: LayerKind): Matrix[] {
  const a = attentionOf(card, kind);
  const d = card.hiddenSize;
  const one = { stored: 1, active: 1, part: 'attention' as const, stacked: 1 };
  if (a.kind === 'gqa') {
    const q = a.numAttentionHeads * a.headDim;
    const [keys, values] = keyValueWidths(a);
    return [
      {
        ...one,
        name: 'qkv',
        rows: (a.outputGate ? 2 : 1) * q + keys + values,
        columns: d,
        split: 'rows',
        stacked: 3,
      },
      {
        ...one,
        name: 'o',
        rows: d,
        columns: a.numAttentionHeads * (a.valueHeadDim ?? a.headDim),
        split: 'columns',
      },
    ];
  }
  const qk = a.qkNopeHeadDim + a.qkRopeHeadDim;
  const latent = a.kvLoraRank + a.qkRopeHeadDim;
  const matrices: Matrix[] = [
    { ...one, name: 'latentDown', rows: (a.qLoraRank ?? 0) + latent, columns: d, split: 'none' },
    { ...one, name: 'qUp', rows: a.numAttentionHeads * qk, columns: a.qLoraRank ?? d, split: 'rows' },
  ];
  if (a.indexer) {
    const { heads, headDim } = a.indexer;
    const q = a.qLoraRank ?? d;
    matrices.push({ ...one, name: 'indexer', rows: heads * headDim, columns: q, split: 'none' });
    matrices.push({ ...one, name: 'indexer', rows: headDim + heads, columns: d, split: 'none' });
  }
  const up = a.numAttentionHeads * (a.qkNopeHeadDim + a.vHeadDim);
  matrices.push({ ...one, name: 'kvUp', rows: up, columns: a.kvLoraRank, split: 'rows' });
  const out = a.numAttentionHeads * a.vHeadDim;
  if (a.outputGate) matrices.push({ ...one, name: 'gate', rows: out, columns: d, split: 'rows' });
  matrices.push({ ...one, name: 'o', rows: d, columns: out, split: 'columns' });
  return matrices;
}

/** The matrices of what mixes tokens in a layer: attention, or what stands in for it. */
export function mixingMatrices(card: ModelCard, kind: LayerKind): readonly Matrix[] {
  if (kind.own) return kind.own.mixing;
  if (kind.mixer === undefined) return attentionMatrices(card, kind);
  return kind.mixer.matrices.map((matrix) => ({
    ...matrix,
    name: 'mixer',
    stored: 1,
    active: 1,
    part: 'attention',
    stacked: 1,
  }));
}

/** The matrices of a layer's MLP. */
export function mlpMatrices(card: ModelCard, { mlp, own }: LayerKind): readonly Matrix[] {
  if (own) return own.mlp;
  const d = card.hiddenSize;
  const halves = mlp.gated ? 2 : 1;
  const pair = (
    width: number,
    stored: number,
    active: number,
    part: 'mlp' | 'experts',
    outer = d,
  ): Matrix[] => [
    {
      name: 'gateUp',
      rows: halves * width,
      columns: outer,
      stored,
      active,
      split: 'rows',
      part,
      stacked: halves,
    },
    { name: 'down', rows: outer, columns: width, stored, active, split: 'columns', part, stacked: 1 },
  ];
  if (mlp.kind === 'dense') return mlp.intermediateSize === 0 ? [] : pair(mlp.intermediateSize, 1, 1, 'mlp');
  const gate = mlp.sharedGate ? 1 : 0;
  return [
    {
      name: 'router',
      rows: mlp.numExperts + gate,
      columns: d,
      stored: 1,
      active: 1,
      split: 'none',
      part: 'mlp',
      stacked: 1,
    },
    ...(mlp.latentSize === undefined ? [] : [through('expertsIn', mlp.latentSize, d)]),
    ...pair(mlp.moeIntermediateSize, mlp.numExperts, mlp.numExpertsPerTok, 'experts', mlp.latentSize),
    ...(mlp.latentSize === undefined ? [] : [through('expertsOut', d, mlp.latentSize)]),
    ...(mlp.sharedIntermediateSize > 0 ? pair(mlp.sharedIntermediateSize, 1, 1, 'mlp') : []),
  ];
}

/** A product between the hidden width and that of the experts. */
function through(name: 'expertsIn' | 'expertsOut', rows: number, columns: number): Matrix {
  return { name, rows, columns, stored: 1, active: 1, split: 'none', part: 'mlp', stacked: 1 };
}

export function layerMatrices(card: ModelCard, kind: LayerKind): readonly Matrix[] {
  let byKind = layerCache.get(card);
  if (!byKind) {
    byKind = new Map();
    layerCache.set(card, byKind);
  }
  let matrices = byKind.get(kind);
  if (!matrices) {
    matrices = [...mixingMatrices(card, kind), ...mlpMatrices(card, kind)];
    byKind.set(kind, matrices);
  }
  return matrices;
}

/** The output head; its matrix is the embedding's when the two are tied. */
export function headMatrix(card: ModelCard): Matrix {
  const shape = { rows: card.vocabSize, columns: card.hiddenSize, stored: 1, active: 1 };
  return { name: 'lmHead', ...shape, split: 'rows', part: 'head', stacked: 1 };
}

/** How many layers there are of each kind. */
export function kindCounts(card: ModelCard): { readonly kind: LayerKind; readonly count: number }[] {
  return card.kinds.map((kind, index) => ({ kind, count: card.layers.filter((k) => k === index).length }));
}

/** Weights of a layer that are vectors: norms, biases, sinks. */
export function layerVectors(card: ModelCard, kind: LayerKind): { stored: number; active: number } {
  if (kind.own) return kind.own.vectors;
  const a = attentionOf(card, kind);
  let n = card.normsPerLayer * card.hiddenSize * (card.normBias ? 2 : 1);
  if (kind.mixer) {
    n += kind.mixer.vectors;
  } else if (a.kind === 'gqa') {
    const q = a.numAttentionHeads * a.headDim;
    const kv = a.numKeyValueHeads * a.headDim;
    if (a.qkvBias) n += q + 2 * kv;
    if (a.outputBias) n += card.hiddenSize;
    if (a.qkNorm === 'perHead') n += 2 * a.headDim;
    if (a.qkNorm === 'full') n += q + kv;
    if (a.sinks) n += a.numAttentionHeads;
  } else {
    n += (a.qLoraRank ?? 0) + a.kvLoraRank;
    if (a.indexer) n += 2 * a.indexer.headDim;
  }
  const { mlp } = kind;
  if (mlp.kind === 'dense') {
    if (mlp.bias) n += mlp.intermediateSize * (mlp.gated ? 2 : 1) + card.hiddenSize;
    return { stored: n, active: n };
  }
  if (mlp.routerBias) n += mlp.numExperts;
  const bias = mlp.bias ? mlp.moeIntermediateSize * (mlp.gated ? 2 : 1) + card.hiddenSize : 0;
  return { stored: n + bias * mlp.numExperts, active: n + bias * mlp.numExpertsPerTok };
}

/** Parameters by where they lie. `active` leaves out the embedding table, of which a token reads one row. */
export interface ParameterCount {
  readonly total: number;
  readonly active: number;
  readonly embedding: number;
  readonly attention: number;
  readonly mlp: number;
  readonly experts: number;
  readonly head: number;
  readonly vectors: number;
}

/** Counts every weight of the card once. */
export function countParameters(card: ModelCard): ParameterCount {
  const by = { attention: 0, mlp: 0, experts: 0, head: 0 };
  let vectors =
    card.finalNorms * card.hiddenSize * (card.normBias ? 2 : 1) + (card.headBias ? card.vocabSize : 0);
  vectors += card.otherParameters ?? 0;
  let active = vectors + card.vocabSize * card.hiddenSize;
  for (const { kind, count } of kindCounts(card)) {
    for (const m of layerMatrices(card, kind)) {
      by[m.part] += count * m.rows * m.columns * m.stored;
      active += count * m.rows * m.columns * m.active;
    }
    const v = layerVectors(card, kind);
    vectors += count * v.stored;
    active += count * v.active;
  }
  const embedding = (card.vocabSize + card.learnedPositions) * card.hiddenSize;
  if (!card.tieWordEmbeddings) by.head = card.vocabSize * card.hiddenSize;
  const total = embedding + by.attention + by.mlp + by.experts + by.head + vectors;
  return { total, active, embedding, ...by, vectors };
}

/** Elements that one token leaves in the cache of one layer with attention: K and V of all heads, or the latent vector. */
export function kvElementsPerLayer(card: ModelCard, kind: LayerKind): number {
  const a = attentionOf(card, kind);
  if (a.kind === 'gqa') {
    const [keys, values] = keyValueWidths(a);
    return keys + values;
  }
  return a.kvLoraRank + a.qkRopeHeadDim + (a.indexer ? a.indexer.headDim : 0);
}

/** Bytes that each further token adds to the cache as long as no window is full. */
export function kvBytesPerToken(card: ModelCard, bytesPerElement: number): number {
  return kindCounts(card).reduce(
    (sum, { kind, count }) =>
      sum + (kind.mixer ? 0 : count * kvElementsPerLayer(card, kind) * bytesPerElement),
    0,
  );
}

/** Bytes that one sequence keeps in a layer of this kind with `tokens` in it, at `bytesPerElement` of a cache. */
export function keptBytes(card: ModelCard, kind: LayerKind, tokens: number, bytesPerElement: number): number {
  if (kind.mixer) return kind.mixer.stateBytes;
  return kvElementsPerLayer(card, kind) * Math.min(tokens, kind.window ?? tokens) * bytesPerElement;
}

/** Bytes of one sequence's cache with `tokens` in it; windowed layers keep their window, states their size. */
export function kvBytes(card: ModelCard, tokens: number, bytesPerElement: number): number {
  return kindCounts(card).reduce(
    (sum, { kind, count }) => sum + count * keptBytes(card, kind, tokens, bytesPerElement),
    0,
  );
}

export type Phase = 'prefill' | 'decode';

/** The most tokens that a query of this kind of layer attends to. */
export function attentionSpan(card: ModelCard, kind: LayerKind): number {
  const a = attentionOf(card, kind);
  const sparse = (a.kind === 'mla' ? a.indexer?.topK : a.topK) ?? Infinity;
  return Math.min(kind.window ?? Infinity, sparse);
}

/** The mean of min(i, span) over i = 1 .. tokens: what a prompt's token attends to on average. */
export function meanAttended(tokens: number, span: number): number {
  if (tokens <= span) return (tokens + 1) / 2;
  return span - (span * (span - 1)) / (2 * tokens);
}

/**
 * FLOPs of attention proper for one query that attends to `seen` of `context` tokens in one layer: scores and
 * weighted sum. Decode of MLA works on the latent vectors ("absorbed"), prefill on expanded keys and values.
 */
export function attentionFlops(
  card: ModelCard,
  kind: LayerKind,
  seen: number,
  context: number,
  phase: Phase,
): number {
  const a = attentionOf(card, kind);
  if (a.kind === 'gqa') return 2 * a.numAttentionHeads * (a.headDim + (a.valueHeadDim ?? a.headDim)) * seen;
  const expanded = a.qkNopeHeadDim + a.qkRopeHeadDim + a.vHeadDim;
  const perToken = phase === 'decode' ? 2 * a.kvLoraRank + a.qkRopeHeadDim : expanded;
  const indexer = a.indexer ? 2 * a.indexer.heads * a.indexer.headDim * context : 0;
  return 2 * a.numAttentionHeads * perToken * seen + indexer;
}

/**
 * FLOPs of one token: two per active weight of a matrix, plus attention over `context` tokens (decode) or over
 * the mean of a prompt of `context` tokens (prefill). The head counts in decode only.
 */
export function flopsPerToken(card: ModelCard, phase: Phase, context: number): number {
  let flops = phase === 'decode' ? 2 * card.vocabSize * card.hiddenSize : 0;
  for (const { kind, count } of kindCounts(card)) {
    for (const m of layerMatrices(card, kind)) flops += 2 * count * m.rows * m.columns * m.active;
    if (kind.mixer) {
      flops += count * kind.mixer.flops;
      continue;
    }
    const span = attentionSpan(card, kind);
    const prefill = phase === 'prefill';
    const seen = prefill ? meanAttended(context, span) : Math.min(context, span);
    flops += count * attentionFlops(card, kind, seen, prefill ? (context + 1) / 2 : context, phase);
  }
  return flops;
}
