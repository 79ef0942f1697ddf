/** Kimi Linear: delta nets with a decay for every key, beside latent attention without positions, and experts. */
import type { Architecture } from '../architecture.js';
import { type Decoder, decoder, type Part } from '../decoder.js';
import { unitHeads } from '../delta-net.js';
import { routing, sparse } from '../experts.js';
import { latentAttention } from '../mla.js';
import type { Value } from '../op.js';

/** A product of a product of h. */
const twice = (model: Decoder, h: Value, layer: number, stem: string, rank: number, out: number): Value =>
  model.one(model.one(h, layer, `${stem}_a`, rank), layer, `${stem}_b`, out);

const kda: Part = (model, h, layer) => {
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
  const low = twice(model, h, layer, 'ssm_f', per, inner);
  const dt = graph.scale(low, null, model.ref(layer, 'ssm_dt', [inner], '.bias'));
  const a = graph.embedding({ name: `blk.${layer}.ssm_a`, shape: [1, heads] }, { index: 0 });
  const y = graph.linearAttention({
    q: unitHeads(model, conv(q!, 'q'), per),
    k: unitHeads(model, conv(k!, 'k'), per),
    v: conv(v!, 'v'),
    decay: graph.activation(dt, { name: 'softplus' }, { by: a }),
    beta: graph.activation(model.one(h, layer, 'ssm_beta', heads), { name: 'sigmoid' }),
    isDelta: true,
    heads,
    keyHeads: heads,
    keyDim: per,
    valueDim: per,
    scale: 1 / Math.sqrt(per),
  });
  const gate = twice(model, h, layer, 'ssm_g', per, inner);
  const normed = model.norm(y, `blk.${layer}.ssm_norm`, { per });
  const out = graph.activation(gate, { name: 'sigmoid' }, { by: normed });
  return model.one(out, layer, 'attn_output', config.hidden);
};

export const kimiLinear: Architecture = {
  names: ['kimi-linear'],
  build: (config) =>
    decoder(config, {
      mixer: latentAttention(() => ({ rope: null })),
      mlp: sparse({ ...routing(config), isNormalised: true }),
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: kda } : {}),
    }),
  // Files may carry biases that the reference does not read.
  ignored: [/\.attn_[qkv]\.bias$/],
};
