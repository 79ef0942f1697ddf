/**
 * Kimi's delta attention (KDA): a delta net with a decay for every key. The decay is a softplus times a stored number or,
 * where a file has a lower bound, that bound times a sigmoid; gates come from one product or a product of a product.
 */
import type { Decoder, Part } from './decoder.js';
import { unitHeads } from './delta-net.js';
import type { Value } from './op.js';

/** A product of h, or a product of a product where the file has a second matrix; of `full` rank under the bare name. */
function lowRank(model: Decoder, h: Value, layer: number, stem: string, rank: number, out: number): Value {
  if (model.has(layer, stem)) return model.one(h, layer, stem, out);
  if (!model.has(layer, `${stem}_b`)) return model.one(h, layer, `${stem}_a`, out);
  return model.one(model.one(h, layer, `${stem}_a`, rank), layer, `${stem}_b`, out);
}

export interface KdaStyle {
  /** Of the unit norm of queries and keys, where it is not that of the other norms. */
  readonly eps?: number;
  /** Files keep the numbers that sharpen the decay below 0. */
  readonly isNegative?: boolean;
}

export function kda({ eps, isNegative = true }: KdaStyle = {}): Part {
  return (model, h, layer) => {
    const { config, graph } = model;
    const heads = config.heads(0);
    const per = config.positive('kda.head_dim');
    const inner = heads * per;
    const [q, k, v] = model.has(layer, 'attn_qkv')
      ? model.fused(h, layer, 'attn_qkv', [inner, inner, inner])
      : model.linear(h, layer, { attn_q: inner, attn_k: inner, attn_v: inner }, false);
    const length = config.positive('ssm.conv_kernel');
    const conv = (x: Value, name: string): Value => {
      const weight = model.ref(layer, `ssm_conv1d_${name}`, [inner, length]);
      return graph.conv(x, { weight, bias: null, act: 'silu', length });
    };
    const low = lowRank(model, h, layer, 'ssm_f', per, inner);
    const dt = graph.scale(low, null, model.ref(layer, 'ssm_dt', [inner], '.bias'));
    const a = graph.embedding({ name: `blk.${layer}.ssm_a`, shape: [1, heads] }, { index: 0 });
    const bound = config.number('kda.gate_lower_bound', Number.NEGATIVE_INFINITY);
    const sharpened = (): Value =>
      graph.activation(dt, { name: 'identity' }, { by: a, times: isNegative ? -1 : 1 });
    const y = graph.linearAttention({
      q: unitHeads(model, conv(q!, 'q'), per, eps),
      k: unitHeads(model, conv(k!, 'k'), per, eps),
      v: conv(v!, 'v'),
      decay: Number.isFinite(bound)
        ? graph.activation(sharpened(), { name: 'sigmoid' }, { times: bound })
        : graph.activation(dt, { name: 'softplus' }, { by: a }),
      beta: graph.activation(model.one(h, layer, 'ssm_beta', heads), { name: 'sigmoid' }),
      isDelta: true,
      heads,
      keyHeads: heads,
      keyDim: per,
      valueDim: per,
      scale: 1 / Math.sqrt(per),
    });
    const gate = lowRank(model, h, layer, 'ssm_g', per, inner);
    const normed = model.norm(y, `blk.${layer}.ssm_norm`, { per });
    const out = graph.activation(gate, { name: 'sigmoid' }, { by: normed });
    return model.one(out, layer, 'attn_output', config.hidden);
  };
}
