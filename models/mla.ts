/**
 * Multi-head latent attention (DeepSeek-V2): keys and values of all heads follow from one compressed row, which is what the
 * cache keeps, beside a key that turns. Where a file has the matrices by head, queries go to the compressed row's space;
 * else keys and values are made from it for every head.
 */
import type { Decoder, Part } from './decoder.js';
import { gateOf } from './decoder.js';
import type { AttentionOp, PlainActivation, RopeTable, Value, WeightRef, Window } from './op.js';

export interface LatentStyle {
  /** Null: no part of a head turns. */
  readonly rope: RopeTable | null;
  readonly order?: 'pairs' | 'halves';
  readonly scale?: number;
  readonly window?: Window | null;
  readonly temperature?: AttentionOp['temperature'];
  readonly hasSinks?: boolean;
  /** Name of a norm of the key that turns. */
  readonly keyNorm?: string;
  /** The result times this function of a product of h. */
  readonly gate?: PlainActivation;
  readonly sizes?: LatentSizes;
  /** A scorer of its own picks the `top` positions that are attended to (DeepSeek-V3.2). */
  readonly indexer?: { readonly heads: number; readonly headDim: number; readonly top: number };
}

export interface LatentSizes {
  /** Features of the compressed row. */
  readonly rank: number;
  /** Features of a head's key before compression, with what turns, and of its value. */
  readonly key: number;
  readonly value: number;
}

/** Latent attention from the compressed row to the output product. */
export function latentAttention(style: (model: Decoder, layer: number) => LatentStyle): Part {
  return (model, h, layer) => {
    const { config, graph } = model;
    const own = style(model, layer);
    const heads = config.heads(layer);
    const { rank, key, value } = own.sizes ?? model.config.latentSizes();
    const turning = own.rope?.dims ?? config.count('rope.dimension_count', 0);
    const still = key - turning;
    const [compressed, shared] =
      turning > 0
        ? model.fused(h, layer, 'attn_kv_a_mqa', [rank, turning])
        : [model.one(h, layer, 'attn_kv_a_mqa', rank), null];
    const row = model.norm(compressed!, `blk.${layer}.attn_kv_a_norm`);
    const turn = (x: Value, count: number, first: number): Value =>
      own.rope === null
        ? x
        : graph.rope(x, { heads: count, first, order: own.order ?? 'pairs', table: own.rope });
    const normed = shared && own.keyNorm ? model.normOf(shared, layer, own.keyNorm) : shared;
    const turned = normed && turn(normed, 1, 0);
    const latent = latentQuery(model, h, layer);
    const q = turn(queries(model, latent ?? h, layer, heads * key), heads, still);
    const facts = {
      cache: graph.cache(),
      heads,
      scale: own.scale ?? 1 / Math.sqrt(key),
      causal: true,
      window: own.window ?? null,
      softcap: null,
      sinks: own.hasSinks ? model.ref(layer, 'attn_sinks', [heads]) : null,
      alibi: null,
      temperature: own.temperature ?? null,
      positions: own.indexer ? positions(model, h, latent ?? h, layer, own.indexer) : null,
    };
    const sharedPart = turned ? [{ in: turned, groups: 1 }] : [];
    let out: Value;
    if (model.has(layer, 'attn_k_b')) {
      const plain = graph.arrange(heads, [{ in: q, count: still }]);
      const absorbed = graph.headLinear(plain, model.ref(layer, 'attn_k_b', [heads, rank, still]), heads);
      const rest = turning > 0 ? [{ in: q, first: still }] : [];
      const mixed = graph.attention({
        ...facts,
        q: graph.arrange(heads, [{ in: absorbed }, ...rest]),
        k: graph.arrange(1, [{ in: row }, ...sharedPart]),
        v: null,
        kvHeads: 1,
        headDim: rank + turning,
        valueDim: rank,
      });
      out = graph.headLinear(mixed, model.ref(layer, 'attn_v_b', [heads, value, rank]), heads);
    } else {
      const both = model.ref(layer, 'attn_kv_b', [heads * (still + value), rank]);
      const part = (first: number, count: number): WeightRef => ({
        ...both,
        rows: { groups: heads, first, count },
      });
      const [k, v] = graph.linear(row, [part(0, still), part(still, value)]);
      const keys = graph.arrange(heads, [{ in: k! }, ...sharedPart]);
      out = graph.attention({ ...facts, q, k: keys, v: v!, kvHeads: heads, headDim: key, valueDim: value });
    }
    if (own.gate) out = gateOf(model, h, layer, own.gate, out, heads);
    return model.one(out, layer, 'attn_output', config.hidden);
  };
}

/** The compressed row of the queries, which the larger models have. */
function latentQuery(model: Decoder, h: Value, layer: number): Value | null {
  if (!model.has(layer, 'attn_q_a')) return null;
  const row = model.one(h, layer, 'attn_q_a', model.config.positive('attention.q_lora_rank'));
  return model.norm(row, `blk.${layer}.attn_q_a_norm`);
}

function queries(model: Decoder, from: Value, layer: number, features: number): Value {
  return model.one(from, layer, model.has(layer, 'attn_q_a') ? 'attn_q_b' : 'attn_q', features);
}

/** The positions that an indexer picks, from a small cache of keys of its own. */
function positions(
  model: Decoder,
  h: Value,
  from: Value,
  layer: number,
  { heads, headDim, top }: NonNullable<LatentStyle['indexer']>,
): Value {
  const q = model.one(from, layer, 'indexer.attn_q_b', heads * headDim);
  const [key, weights] = model.linear(h, layer, { 'indexer.attn_k': headDim, 'indexer.proj': heads });
  const k = model.norm(key!, `blk.${layer}.indexer.k_norm`, { how: 'layer' });
  return model.graph.select({ q, k, weights: weights!, heads, top });
}
