/** PLaMo 2: heads that scan with a, d and dt of their own and shared b and c; norms before and after every part. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated, type Part } from '../decoder.js';
import { bare, ssmConv } from '../states.js';

const scan: Part = (model, h, layer) => {
  const { config, graph } = model;
  const inner = config.positive('ssm.inner_size');
  const stateSize = config.positive('ssm.state_size');
  const heads = config.positive('ssm.time_step_rank');
  const headDim = inner / heads;
  const rank = Math.max(64, Math.floor(config.hidden / 16));
  const [z, x] = model.interleaved(h, layer, 'ssm_in', heads, [headDim, headDim]);
  const mixed = ssmConv(model, x!, layer);
  const [b, c, low] = model.fused(mixed, layer, 'ssm_x', [stateSize, stateSize, rank]);
  const y = graph.scan({
    x: mixed,
    dt: model.one(model.normOf(low!, layer, 'ssm_dt_norm'), layer, 'ssm_dt', heads),
    b: model.normOf(b!, layer, 'ssm_b_norm'),
    c: model.normOf(c!, layer, 'ssm_c_norm'),
    a: bare(layer, 'ssm_a', [heads]),
    d: bare(layer, 'ssm_d', [heads]),
    heads,
    headDim,
    stateSize,
    groups: 1,
  });
  return model.one(graph.activation(z!, { name: 'silu' }, { by: y }), layer, 'ssm_out', config.hidden);
};

export const plamo2: Architecture = {
  names: ['plamo2'],
  build: (config) =>
    decoder(config, {
      mixer: attention({ qkNorm: 'before rope', scale: 1 / Math.sqrt(config.valueDim) }),
      mlp: gated('silu'),
      norms: { after: 'post_attention_norm', mlpAfter: 'post_ffw_norm' },
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: scan } : {}),
    }),
};
