/**
 * Model cards: a model's ops without its weights, for planning. Everything that timing and placement need follows from the
 * ops, so each weight is counted in exactly one place.
 */
import type { Tag } from '../src/core/provenance.js';
import type { Op, OpOf } from './op.js';
import { isProduct, isReplicated, type Product, type ProductOp, productOf, readersOf } from './products.js';
import { cachedValues, refsOf } from './weights.js';

/** Layers that are alike. */
export interface LayerKind {
  readonly ops: readonly Op[];
  /** The weights are those of a layer before, which runs again. */
  readonly isAgain: boolean;
  /** Of the positions, the most that a scorer picks which has no op; null: none does. */
  readonly top: number | null;
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
  /** `model_type` of the config.json, or the architecture of a file. */
  readonly modelType: string;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  /** From the tokens to the first layer. */
  readonly before: readonly Op[];
  readonly kinds: readonly LayerKind[];
  /** For every layer the index of its kind. */
  readonly layers: readonly number[];
  /** From the last layer to the logits. */
  readonly after: readonly Op[];
  /** Parameters that no op reads; absent: none. */
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

/** What the ops of a layer, or of what lies around the layers, amount to. */
export interface OpFacts {
  readonly products: readonly (Product & { readonly op: ProductOp; readonly isReplicated: boolean })[];
  /** Weights that are vectors: norms, biases, sinks, filters. */
  readonly vectors: { readonly stored: number; readonly active: number };
  readonly attention: OpOf<'attention'> | null;
  readonly select: OpOf<'select'> | null;
  readonly experts: OpOf<'expertLinear'> | null;
  /** Inner width of the MLP that all tokens take; 0: none. */
  readonly mlpWidth: number;
  /** Inner width of an expert; 0: none. */
  readonly expertWidth: number;
  /** Elements that one token leaves in the caches. */
  readonly cached: number;
  /** States of fixed size: bytes of one sequence, and FLOPs of a token; null: the layer has none. */
  readonly states: { readonly bytes: number; readonly flops: number } | null;
}

/** Cards never change, and a search over placements asks for their products thousands of times. */
const factsByOps = new WeakMap<readonly Op[], OpFacts>();

export function factsOf(ops: readonly Op[]): OpFacts {
  let facts = factsByOps.get(ops);
  if (!facts) {
    facts = countOps(ops);
    factsByOps.set(ops, facts);
  }
  return facts;
}

const isKind =
  <K extends Op['kind']>(kind: K) =>
  (op: Op): op is OpOf<K> =>
    op.kind === kind;

function countOps(ops: readonly Op[]): OpFacts {
  const readers = readersOf(ops);
  const products = ops
    .filter(isProduct)
    .map((op) => ({ ...productOf(op), op, isReplicated: isReplicated(op, readers) }));
  const widest = (part: Product['part']): number =>
    Math.max(0, ...products.filter((p) => p.name === 'down' && p.part === part).map((p) => p.columns));
  const states = ops.flatMap(stateOf);
  return {
    products,
    vectors: vectorsOf(ops),
    attention: ops.find(isKind('attention')) ?? null,
    select: ops.find(isKind('select')) ?? null,
    experts: ops.find(isKind('expertLinear')) ?? null,
    mlpWidth: widest('mlp'),
    expertWidth: widest('experts'),
    cached: cachedValues(ops),
    states:
      states.length === 0
        ? null
        : states.reduce((a, b) => ({ bytes: a.bytes + b.bytes, flops: a.flops + b.flops })),
  };
}

/** Decay, outer product, and reading a recurrent state: multiply-adds per element of it, times two. */
const FLOPS_PER_STATE = 6;

/** The state that an op keeps: recurrent ones in 32 bit, the last inputs of convolutions in 16. */
export function stateOf(op: Op): { readonly bytes: number; readonly flops: number }[] {
  const recurrent = (elements: number) => [{ bytes: 4 * elements, flops: FLOPS_PER_STATE * elements }];
  switch (op.kind) {
    case 'conv': {
      const channels = op.in.features;
      return [{ bytes: 2 * (op.length - 1) * channels, flops: 2 * op.length * channels }];
    }
    case 'shift':
      return [{ bytes: 2 * op.in.features, flops: 0 }];
    case 'scan':
      return recurrent(op.heads * op.headDim * op.stateSize);
    case 'linearAttention':
      return recurrent(op.heads * op.keyDim * op.valueDim);
    case 'wkv':
      return recurrent(op.out.features ** 2 / op.heads);
    default:
      return [];
  }
}

function vectorsOf(ops: readonly Op[]): { stored: number; active: number } {
  let [stored, active] = [0, 0];
  for (const op of ops) {
    if (op.kind === 'rope') continue;
    // Small tables inside a layer, of which one row is read always.
    const tables = op.kind === 'embedding' && typeof op.index === 'number' ? refsOf(op).matrices : [];
    for (const { shape, rows } of [...refsOf(op).vectors, ...tables]) {
      const all = shape.reduce((a, b) => a * b, 1);
      const size = rows ? (rows.groups * rows.count * all) / shape[0]! : all;
      stored += size;
      active += op.kind === 'expertLinear' ? (size * op.top) / shape[0]! : size;
    }
  }
  return { stored, active };
}

/** How many layers there are of each kind. */
export function kindCounts(card: ModelCard): { readonly kind: LayerKind; readonly count: number }[] {
  return card.kinds.map((kind, index) => ({ kind, count: card.layers.filter((k) => k === index).length }));
}

/** The first layers' attention, by whose heads a model is cut over machines; null: a model of states alone. */
export function attentionOf(card: ModelCard): OpOf<'attention'> | null {
  return card.kinds.map(({ ops }) => factsOf(ops).attention).find((op) => op !== null) ?? null;
}

/** Heads by which a model is cut over machines: of attention, or of its states. */
export function headsOf(card: ModelCard): number {
  const own = attentionOf(card)?.heads;
  if (own !== undefined) return own;
  const states = card.kinds.flatMap(({ ops }) => ops.map((op) => ('heads' in op ? op.heads : 0)));
  return Math.max(1, ...states);
}

/** Whether any layer chooses among experts. */
export function hasExperts(card: ModelCard): boolean {
  return card.kinds.some(({ ops }) => factsOf(ops).experts !== null);
}

const isTable = (op: Op): op is OpOf<'embedding'> => op.kind === 'embedding' && typeof op.index !== 'number';

/** Tables of tokens and positions, and the output's matrices; a tied one is the tokens' table. */
export function outerWeights(card: ModelCard): {
  readonly tokens: number;
  readonly positions: number;
  readonly head: number;
  readonly isTied: boolean;
  readonly vectorsBefore: number;
  readonly vectorsAfter: number;
} {
  const sizeOf = (index: 'token' | 'position'): number =>
    card.before
      .filter(isTable)
      .filter((op) => op.index === index)
      .reduce((sum, { weight }) => sum + weight.shape.reduce((a, b) => a * b, 1), 0);
  const tables = new Set(card.before.filter(isTable).map(({ weight }) => weight.name));
  const heads = factsOf(card.after).products.filter(
    ({ op }) => op.kind === 'linear' && !tables.has(op.weights[0]!.name),
  );
  const tied = factsOf(card.after).products.length > heads.length;
  return {
    tokens: sizeOf('token'),
    positions: sizeOf('position'),
    head: heads.reduce((sum, { rows, columns }) => sum + rows * columns, 0),
    isTied: tied,
    vectorsBefore: factsOf(card.before).vectors.stored,
    vectorsAfter: factsOf(card.after).vectors.stored,
  };
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
  const outer = outerWeights(card);
  const by = { attention: 0, mlp: 0, experts: 0, head: outer.head };
  let vectors = outer.vectorsBefore + outer.vectorsAfter + (card.otherParameters ?? 0);
  let active = vectors;
  for (const { rows, columns } of factsOf(card.after).products) active += rows * columns;
  for (const { kind, count } of kindCounts(card)) {
    const { products, vectors: own } = factsOf(kind.ops);
    for (const m of products) {
      if (!kind.isAgain) by[m.part] += count * m.rows * m.columns * m.stored;
      active += count * m.rows * m.columns * m.active;
    }
    if (!kind.isAgain) vectors += count * own.stored;
    active += count * own.active;
  }
  const embedding = outer.tokens + outer.positions;
  const total = embedding + by.attention + by.mlp + by.experts + by.head + vectors;
  return { total, active, embedding, ...by, vectors };
}

/** Bytes that each further token adds to the cache as long as no window is full. */
export function kvBytesPerToken(card: ModelCard, bytesPerElement: number): number {
  return kindCounts(card).reduce(
    (sum, { kind, count }) => sum + count * factsOf(kind.ops).cached * bytesPerElement,
    0,
  );
}

/** Bytes that one sequence keeps in a layer of this kind with `tokens` in it, at `bytesPerElement` of a cache. */
export function keptBytes(kind: LayerKind, tokens: number, bytesPerElement: number): number {
  const { cached, attention, states } = factsOf(kind.ops);
  return (
    cached * Math.min(tokens, attention?.window?.size ?? tokens) * bytesPerElement + (states?.bytes ?? 0)
  );
}

/** Bytes of one sequence's cache with `tokens` in it; windowed layers keep their window, states their size. */
export function kvBytes(card: ModelCard, tokens: number, bytesPerElement: number): number {
  return kindCounts(card).reduce(
    (sum, { kind, count }) => sum + count * keptBytes(kind, tokens, bytesPerElement),
    0,
  );
}

export type Phase = 'prefill' | 'decode';

/** The most tokens that a query of this kind of layer attends to. */
export function attentionSpan(kind: LayerKind): number {
  const { attention, select } = factsOf(kind.ops);
  return Math.min(attention?.window?.size ?? Infinity, kind.top ?? select?.top ?? Infinity);
}

/** The mean of min(i, span) over i = 1 .. tokens: what a prompt's token attends to on average. */
export function meanAttended(tokens: number, span: number): number {
  if (tokens <= span) return (tokens + 1) / 2;
  return span - (span * (span - 1)) / (2 * tokens);
}

/**
 * Elements of a head's key and value that a query is multiplied with. Decode of a latent cache works on its rows ("absorbed"),
 * prefill on the keys and values that follow from them: before the product per head that queries go through, after the
 * one that results do.
 */
export function headWidths(kind: LayerKind, phase: Phase): { readonly key: number; readonly value: number } {
  const { attention, products } = factsOf(kind.ops);
  if (!attention) return { key: 0, value: 0 };
  const [into, out] = products.map(({ op }) => op).filter(isKind('headLinear'));
  const { headDim, valueDim, heads } = attention;
  if (phase === 'decode' || !into || !out) return { key: headDim, value: valueDim };
  return { key: into.in.features / heads + headDim - valueDim, value: out.out.features / heads };
}

/** FLOPs of attention proper for one query that attends to `seen` of `context` tokens in one layer: scores and weighted sum. */
export function attentionFlops(kind: LayerKind, seen: number, context: number, phase: Phase): number {
  const { attention, select } = factsOf(kind.ops);
  const { key, value } = headWidths(kind, phase);
  const indexer = select ? 2 * select.q.features * context : 0;
  return 2 * (attention?.heads ?? 0) * (key + value) * seen + indexer;
}

/**
 * FLOPs of one token: two per active weight of a matrix, plus attention over `context` tokens (decode) or over
 * the mean of a prompt of `context` tokens (prefill). The head counts in decode only.
 */
export function flopsPerToken(card: ModelCard, phase: Phase, context: number): number {
  let flops = 0;
  const add = (products: readonly Product[], count: number): void => {
    for (const m of products) flops += 2 * count * m.rows * m.columns * m.active;
  };
  if (phase === 'decode') add(factsOf(card.after).products, 1);
  for (const { kind, count } of kindCounts(card)) {
    const { products, states } = factsOf(kind.ops);
    add(products, count);
    flops += count * (states?.flops ?? 0);
    const span = attentionSpan(kind);
    const prefill = phase === 'prefill';
    const seen = prefill ? meanAttended(context, span) : Math.min(context, span);
    flops += count * attentionFlops(kind, seen, prefill ? (context + 1) / 2 : context, phase);
  }
  return flops;
}
