/**
 * What decoders share: an embedding, layers of a mixer (mostly attention) and an MLP around a residual, a norm and a
 * head. An architecture says in a {@link Style} what is its own; where a file has a bias, a fused tensor or an output
 * head of its own, it is read.
 */
import type { Config } from './config.js';
import { Graph } from './graph.js';
import type {
  Activation,
  AttentionOp,
  PlainActivation,
  PoolOp,
  RopeOp,
  RopeTable,
  Value,
  WeightRef,
  Window,
} from './op.js';

/** A part of a layer: from the normed hidden vector to what is added to the residual. */
export type Part = (model: Decoder, h: Value, layer: number) => Value;

export interface Style {
  readonly norm?: 'rms' | 'layer';
  /** Where files do not say it. */
  readonly eps?: number;
  /** Norms without weights. */
  readonly isNormBare?: boolean;
  readonly embeddingScale?: number;
  /** Name of a norm of the embedding; null for one without weights. */
  readonly embeddingNorm?: string | null;
  /** A learned embedding of the position is added. */
  readonly hasPositions?: boolean;
  /** The embedding of the first token type is added, where the file has them. */
  readonly hasTokenTypes?: boolean;
  readonly mixer: Part | null;
  readonly mlp: Part | null;
  /** Names of the norms before and after the mixer and the MLP, and of those of the sums with what they read; null for none. */
  readonly norms?: Partial<Norms>;
  /** Epsilon of the norms after the mixer and the MLP, where it is not that of the others. */
  readonly afterEps?: number;
  /** What a layer does in its own way; null for no such part. */
  readonly layer?: (layer: number) => { mixer?: Part | null; mlp?: Part | null; norms?: Partial<Norms> };
  /** Both parts read the layer's input. `ownNorm`: the MLP by a norm of its own. */
  readonly parallel?: { readonly ownNorm: boolean } | null;
  readonly residualScale?: number;
  /** Parts are added to what they read, the normed vector, times this. */
  readonly normedResidual?: number;
  readonly logitScale?: number;
  readonly logitCap?: number;
  readonly outputNorm?: string | null;
  /** An input becomes one vector, which goes through `finish`; such a model has no logits. `how`: where the file says nothing. */
  readonly pooled?: {
    readonly how: PoolOp['how'];
    readonly finish: (model: Decoder, x: Value) => Value;
  } | null;
}

interface Norms {
  readonly before: string | null;
  readonly after: string | null;
  readonly mlpBefore: string | null;
  readonly mlpAfter: string | null;
  readonly sum: string | null;
  readonly mlpSum: string | null;
}

const usualNorms: Norms = {
  before: 'attn_norm',
  after: null,
  mlpBefore: 'ffn_norm',
  mlpAfter: null,
  sum: null,
  mlpSum: null,
};

const sumOf = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0);

/** A model being built: the graph, what the file says, and the style. */
export class Decoder {
  readonly graph = new Graph();
  readonly config: Config;
  readonly style: Style;

  constructor(config: Config, style: Style) {
    this.config = config;
    this.style = style;
  }

  /** A tensor of a layer by its short name, e.g. `attn_q` -> `blk.0.attn_q.weight`. */
  ref(layer: number, stem: string, shape: readonly number[], suffix = '.weight'): WeightRef {
    return { name: `blk.${layer}.${stem}${suffix}`, shape };
  }

  /** The tensor if the file has it. */
  optional(layer: number, stem: string, shape: readonly number[], suffix = '.weight'): WeightRef | null {
    const ref = this.ref(layer, stem, shape, suffix);
    return this.config.has(ref.name) ? ref : null;
  }

  has(layer: number, stem: string, suffix = '.weight'): boolean {
    return this.config.has(`blk.${layer}.${stem}${suffix}`);
  }

  /** Products of x with matrices of a layer, with their biases where the file has them and `hasBias` lets them. */
  linear(x: Value, layer: number, parts: Readonly<Record<string, number>>, hasBias = true): Value[] {
    const stems = Object.entries(parts);
    return this.graph.linear(
      x,
      stems.map(([stem, features]) => this.ref(layer, stem, [features, x.features])),
      stems.map(([stem, features]) => (hasBias ? this.optional(layer, stem, [features], '.bias') : null)),
    );
  }

  /** One product of x. */
  one(x: Value, layer: number, stem: string, features: number, hasBias = true): Value {
    return this.linear(x, layer, { [stem]: features }, hasBias)[0]!;
  }

  /** Parts of one stored matrix (and bias) of `all` rows, one under the other or `step` rows from one to the next. */
  fused(
    x: Value,
    layer: number,
    stem: string,
    features: readonly number[],
    all = sumOf(features),
    step: number | null = null,
  ): Value[] {
    const first = (i: number): number => (step === null ? sumOf(features.slice(0, i)) : i * step);
    const rows = features.map((count, i) => ({ groups: 1, first: first(i), count }));
    return this.parts(x, layer, stem, all, rows);
  }

  /** Parts of one stored matrix (and bias), which lie under each other in each of `groups` equal runs of its rows. */
  interleaved(x: Value, layer: number, stem: string, groups: number, features: readonly number[]): Value[] {
    const rows = features.map((count, i) => ({ groups, first: sumOf(features.slice(0, i)), count }));
    return this.parts(x, layer, stem, groups * sumOf(features), rows);
  }

  private parts(
    x: Value,
    layer: number,
    stem: string,
    all: number,
    rows: readonly NonNullable<WeightRef['rows']>[],
  ): Value[] {
    const cut = (ref: WeightRef): WeightRef[] => rows.map((own) => ({ ...ref, rows: own }));
    const bias = this.optional(layer, stem, [all], '.bias');
    return this.graph.linear(x, cut(this.ref(layer, stem, [all, x.features])), bias ? cut(bias) : []);
  }

  /** The style's norm of a whole vector, or of runs of `per` features. `weight` [per], or [features] where `isWhole`. */
  norm(
    x: Value,
    name: string,
    {
      per = x.features,
      rows = x.rows,
      how = this.style.norm ?? 'rms',
      eps = this.style.eps,
    }: {
      per?: number;
      rows?: Value['rows'];
      how?: 'rms' | 'layer';
      eps?: number | undefined;
    } = {},
  ): Value {
    const { config, style } = this;
    // Some files leave out ".weight".
    const weight = config.has(name) ? name : `${name}.weight`;
    const stored = config.file.shape(weight);
    const size = stored?.reduce((a, b) => a * b, 1) === x.features ? x.features : per;
    const ref = (full: string): WeightRef => ({
      name: full,
      shape: size > per && stored?.length === 2 ? [x.features / per, per] : [size],
    });
    return this.graph.norm(
      x,
      {
        how,
        weight: style.isNormBare ? null : ref(weight),
        bias: config.has(`${name}.bias`) ? ref(`${name}.bias`) : null,
        eps: eps ?? (how === 'rms' ? config.rmsEps : config.layerEps),
        per,
      },
      rows,
    );
  }

  /** A norm of a layer, or x where the name is null. */
  normOf(x: Value, layer: number, stem: string | null, eps = this.style.eps): Value {
    return stem === null ? x : this.norm(x, `blk.${layer}.${stem}`, { eps });
  }

  /** RMSNorm without weights, of runs of `per` features. */
  bareNorm(x: Value, per = x.features): Value {
    return this.graph.norm(x, { how: 'rms', weight: null, bias: null, eps: this.config.rmsEps, per });
  }
}

/** What lies between the embedding and the last norm: all layers in order, where an architecture has no other way. */
export type Body = (model: Decoder, embedded: Value) => Value;

const inOrder: Body = (model, embedded) => {
  let x = embedded;
  for (let layer = 0; layer < model.config.layers; layer++) x = layerOf(model, x, layer);
  return x;
};

/** The ops of a model from what the file says and the architecture's style. */
export function decoder(config: Config, style: Style, body: Body = inOrder): Decoder {
  const model = new Decoder(config, style);
  const { graph } = model;
  const table: WeightRef = { name: 'token_embd.weight', shape: [config.vocab, config.hidden] };
  let x = graph.embedding(table, { scale: style.embeddingScale ?? 1 });
  if (style.hasTokenTypes) {
    // A text alone is of the first type throughout.
    const stored = config.file.shape('token_types.weight');
    if (stored) {
      const shape = [stored.length === 2 ? stored[0]! : 1, config.hidden];
      x = graph.add(x, graph.embedding({ name: 'token_types.weight', shape }, { index: 0 }));
    }
  }
  if (style.hasPositions) {
    const positions: WeightRef = { name: 'position_embd.weight', shape: [config.context, config.hidden] };
    x = graph.add(x, graph.embedding(positions, { index: 'position' }));
  }
  if (style.embeddingNorm === null) x = model.bareNorm(x);
  else if (style.embeddingNorm) x = model.norm(x, style.embeddingNorm);
  head(model, body(model, x), table);
  return model;
}

/** A mixer and an MLP around the residual, as the style says. */
export function layerOf(model: Decoder, x: Value, layer: number): Value {
  const { graph, style } = model;
  const own = style.layer?.(layer) ?? {};
  const norms = { ...usualNorms, ...style.norms, ...own.norms };
  const { mixer, mlp } = { mixer: style.mixer, mlp: style.mlp, ...own };
  const scale = style.residualScale ?? 1;
  const add = (to: Value, part: Part, h: Value, after: string | null): Value =>
    graph.add(to, model.normOf(part(model, h, layer), layer, after, style.afterEps ?? style.eps), scale);
  if (style.parallel && mixer && mlp) {
    const h = model.normOf(x, layer, norms.before);
    const second = style.parallel.ownNorm ? model.normOf(x, layer, norms.mlpBefore) : h;
    const mixed = add(x, mixer, h, norms.after);
    return add(mixed, mlp, second, norms.mlpAfter);
  }
  const next = (part: Part | null, before: string | null, after: string | null, sum: string | null): void => {
    if (!part) return;
    const h = model.normOf(x, layer, before);
    const to = style.normedResidual === undefined ? x : graph.times(h, style.normedResidual);
    x = model.normOf(add(to, part, h, after), layer, sum);
  };
  next(mixer, norms.before, norms.after, norms.sum);
  next(mlp, norms.mlpBefore, norms.mlpAfter, norms.mlpSum);
  return x;
}

function head(model: Decoder, x: Value, table: WeightRef): void {
  const { graph, config, style } = model;
  const norm = style.outputNorm === undefined ? 'output_norm' : style.outputNorm;
  const h = norm === null ? graph.arrange(1, [{ in: x }], 'logits') : model.norm(x, norm, { rows: 'logits' });
  if (style.pooled) {
    style.pooled.finish(model, graph.pool(h, config.pooling ?? style.pooled.how));
    return;
  }
  const own = { name: 'output.weight', shape: table.shape };
  const bias = config.has('output.bias') ? { name: 'output.bias', shape: [config.vocab] } : null;
  let [logits] = graph.linear(h, [config.has(own.name) ? own : table], [bias]);
  logits = graph.times(logits!, style.logitScale ?? 1);
  if (style.logitCap) logits = graph.activation(logits, { name: 'softcap', cap: style.logitCap });
  graph.logits(logits);
}

/** What attention of one layer is: all but its values and sizes, which follow from the file. */
export interface AttentionStyle {
  /** Where a family has it whatever files say. */
  readonly isCausal?: boolean;
  readonly order?: RopeOp['order'];
  /** Null: the layer has no positions. Left out: what the `rope.*` keys say. */
  readonly rope?: RopeTable | null;
  /** The names of the norms of q and k, of each head or of all of it, by their weights' shape. */
  readonly qkNorm?: 'before rope' | 'after rope' | 'bare after rope' | null;
  readonly window?: Window | null;
  readonly scale?: number;
  readonly softcap?: number | null;
  readonly alibi?: number | null;
  readonly temperature?: AttentionOp['temperature'];
  readonly hasSinks?: boolean;
  /** Rows of the tensor that q, k and v lie in, where it has more than they need. */
  readonly qkvRows?: number;
  /** Rows from the first of q to the first of k, and from there to v, where they do not follow each other. */
  readonly qkvStep?: number;
  /** Name of a number for each head by which its normed queries are multiplied. */
  readonly queryScale?: string;
  /** Values are keys: one product and one cache for both. */
  readonly isKeyValue?: boolean;
  /** Behind a head's queries lies a gate, by whose sigmoid its result is multiplied. */
  readonly hasQueryGate?: boolean;
  /** q, k and v are cut to +- this. */
  readonly clamp?: number;
  /** The result times this function of a product of h, for each feature or each head. */
  readonly gate?: PlainActivation;
  readonly output?: string;
  /** Biases that files may carry and that play no part: of q, k and v; of the output product. */
  readonly unbiased?: readonly ('input' | 'output')[];
}

/** Grouped-query attention from separate or fused q, k and v to the output product. */
export function attention(
  style: AttentionStyle | ((layer: number, config: Config) => AttentionStyle) = {},
): Part {
  return (model, h, layer) => {
    const { config, graph } = model;
    const own: AttentionStyle = {
      ...(typeof style === 'function' ? style(layer, config) : style),
      ...config.saidOf(layer),
    };
    const { headDim, valueDim } = config;
    const [heads, kvHeads] = [config.heads(layer), config.kvHeads(layer)];
    const sizes = [heads * headDim, kvHeads * headDim, kvHeads * valueDim] as const;
    let [q, k, v] = model.has(layer, 'attn_qkv')
      ? model.fused(h, layer, 'attn_qkv', sizes, own.qkvRows, own.qkvStep)
      : model.linear(
          h,
          layer,
          {
            ...(own.hasQueryGate ? {} : { attn_q: sizes[0] }),
            attn_k: sizes[1],
            ...(own.isKeyValue ? {} : { attn_v: sizes[2] }),
          },
          !own.unbiased?.includes('input'),
        );
    let gate: Value | undefined;
    if (own.hasQueryGate) {
      [k, v] = [q, k];
      [q, gate] = model.interleaved(h, layer, 'attn_q', heads, [headDim, headDim]);
    }
    const { clamp } = own;
    if (clamp) [q, k, v] = [q, k, v].map((x) => x && graph.activation(x, { name: 'clamp', limit: clamp }));
    const normed = (x: Value, stem: string): Value => {
      const name = `blk.${layer}.${stem}`;
      const stored = config.file.shape(`${name}.weight`)?.reduce((a, b) => a * b, 1);
      const isWhole = stored === x.features && config.file.shape(`${name}.weight`)!.length === 1;
      return model.norm(x, name, { per: isWhole ? x.features : headDim });
    };
    const norm = (): Value[] => [normed(q!, 'attn_q_norm'), normed(k!, 'attn_k_norm')];
    if (own.qkNorm === 'before rope') [q, k] = norm();
    const table = own.rope === undefined ? config.rope() : own.rope;
    if (table !== null && table.dims > 0) {
      const facts = { first: 0, order: own.order ?? 'halves', table };
      q = graph.rope(q!, { heads, ...facts });
      k = graph.rope(k!, { heads: kvHeads, ...facts });
    }
    if (own.qkNorm === 'after rope') [q, k] = norm();
    if (own.qkNorm === 'bare after rope') {
      q = model.bareNorm(q!, headDim);
      k = model.bareNorm(k!, headDim);
    }
    if (own.queryScale) {
      const scales = graph.embedding(model.ref(layer, own.queryScale, [1, heads]), { index: 0 });
      q = graph.activation(q!, { name: 'identity' }, { by: scales });
    }
    let out = graph.attention({
      q: q!,
      k: k!,
      v: v ?? null,
      cache: graph.cache(),
      heads,
      kvHeads,
      headDim,
      valueDim,
      scale: own.scale ?? 1 / Math.sqrt(headDim),
      causal: own.isCausal ?? config.isCausal,
      window: own.window ?? null,
      softcap: own.softcap ?? null,
      sinks: own.hasSinks ? model.ref(layer, 'attn_sinks', [heads]) : null,
      alibi: own.alibi ?? null,
      temperature: own.temperature ?? null,
      positions: null,
    });
    if (gate) out = graph.activation(gate, { name: 'sigmoid' }, { by: out });
    if (own.gate) out = gateOf(model, h, layer, own.gate, out, heads);
    const hasBias = !own.unbiased?.includes('output');
    return model.one(out, layer, own.output ?? 'attn_output', config.hidden, hasBias);
  };
}

/** `out` times a function of a product of h: one number for each head or each feature, by the matrix' rows. */
export function gateOf(
  model: Decoder,
  h: Value,
  layer: number,
  act: PlainActivation,
  out: Value,
  heads: number,
): Value {
  const stored = model.config.file.shape(`blk.${layer}.attn_gate.weight`);
  const isPerHead = stored !== null && stored.reduce((a, b) => a * b, 1) === heads * h.features;
  const gate = model.one(h, layer, 'attn_gate', isPerHead ? heads : out.features);
  return model.graph.activation(gate, { name: act }, { by: out });
}

/** down(act(gate x) * up x), with gate and up in one tensor or two. `suffix` names other tensors, e.g. `_shexp`. */
export function gated(act: PlainActivation | Activation, suffix = '', size?: number): Part {
  return (model, h, layer) => {
    const { config, graph } = model;
    const ffn = size ?? config.ffn(layer);
    const [gate, up] = model.has(layer, `ffn_gate${suffix}`)
      ? model.linear(h, layer, { [`ffn_gate${suffix}`]: ffn, [`ffn_up${suffix}`]: ffn })
      : model.fused(h, layer, `ffn_up${suffix}`, [ffn, ffn]);
    const inner = graph.activation(gate!, activationOf(act), { by: up! });
    return model.one(inner, layer, `ffn_down${suffix}`, config.hidden);
  };
}

/** What is left of an MLP where a file has none of its matrices: the function alone, as the reference computes it. */
export function bare(act: PlainActivation): Part {
  return (model, h) => model.graph.activation(h, { name: act });
}

/** down(act(up x)). */
export function plain(act: PlainActivation | Activation, suffix = '', size?: number): Part {
  return (model, h, layer) => {
    const up = model.one(h, layer, `ffn_up${suffix}`, size ?? model.config.ffn(layer));
    const inner = model.graph.activation(up, activationOf(act));
    return model.one(inner, layer, `ffn_down${suffix}`, model.config.hidden);
  };
}

export function activationOf(act: PlainActivation | Activation): Activation {
  return typeof act === 'string' ? { name: act } : act;
}
