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
    const q = turn(queries(model, h, layer, heads * key), heads, still);
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
      positions: null,
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

/** Queries, by a compressed row of their own in the larger models. */
function queries(model: Decoder, h: Value, layer: number, features: number): Value {
  if (!model.has(layer, 'attn_q_a')) return model.one(h, layer, 'attn_q', features);
  const row = model.one(h, layer, 'attn_q_a', model.config.positive('attention.q_lora_rank'));
  return model.one(model.norm(row, `blk.${layer}.attn_q_a_norm`), layer, 'attn_q_b', features);
}
