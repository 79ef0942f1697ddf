/** Mixers that remember instead of attending: LFM2's short convolution, Mamba 1 and 2. */
import type { Decoder, Part } from './decoder.js';
import type { Value, WeightRef } from './op.js';

/** LFM2: c * conv(b * x), all three from one product. */
export const shortConv: Part = (model, h, layer) => {
  const { config, graph } = model;
  const { hidden } = config;
  const length = config.positive('shortconv.l_cache');
  const [b, c, x] = model.fused(h, layer, 'shortconv.in_proj', [hidden, hidden, hidden]);
  const weight = model.ref(layer, 'shortconv.conv', [hidden, length]);
  const inner = graph.activation(b!, { name: 'identity' }, { by: x! });
  const mixed = graph.conv(inner, { weight, bias: null, act: 'identity', length });
  return model.one(
    graph.activation(c!, { name: 'identity' }, { by: mixed }),
    layer,
    'shortconv.out_proj',
    hidden,
  );
};

/** The convolution in front of a scan. */
export function ssmConv(model: Decoder, x: Value, layer: number): Value {
  const length = model.config.positive('ssm.conv_kernel');
  const weight = model.ref(layer, 'ssm_conv1d', [x.features, length]);
  const bias = model.optional(layer, 'ssm_conv1d', [x.features], '.bias');
  return model.graph.conv(x, { weight, bias, act: 'silu', length });
}

/** Tensors that files name without ".weight". */
export function bare(layer: number, stem: string, shape: readonly number[]): WeightRef {
  return { name: `blk.${layer}.${stem}`, shape };
}

/** Mamba 1: a state for every channel; dt, b and c come from the channels, in some families normed. */
export function mamba({ isNormed = false }: { isNormed?: boolean } = {}): Part {
  return (model, h, layer) => {
    const { config, graph } = model;
    const inner = config.positive('ssm.inner_size');
    const stateSize = config.positive('ssm.state_size');
    const rank = config.positive('ssm.time_step_rank');
    const [x, z] = model.fused(h, layer, 'ssm_in', [inner, inner]);
    const mixed = ssmConv(model, x!, layer);
    const parts = model.fused(mixed, layer, 'ssm_x', [rank, stateSize, stateSize]);
    const [low, b, c] = parts.map((part, i) => {
      const stem = ['ssm_dt_norm', 'ssm_b_norm', 'ssm_c_norm'][i]!;
      if (model.has(layer, stem)) return model.normOf(part, layer, stem);
      if (!isNormed) return part;
      return graph.norm(part, {
        how: 'rms',
        weight: null,
        bias: null,
        eps: config.rmsEps,
        per: part.features,
      });
    });
    const y = graph.scan({
      x: mixed,
      dt: model.one(low!, layer, 'ssm_dt', inner),
      b: b!,
      c: c!,
      a: bare(layer, 'ssm_a', [inner, stateSize]),
      d: bare(layer, 'ssm_d', [inner]),
      heads: inner,
      headDim: 1,
      stateSize,
      groups: 1,
    });
    return model.one(graph.activation(z!, { name: 'silu' }, { by: y }), layer, 'ssm_out', config.hidden);
  };
}

/** Mamba 2: heads that share dt, groups of heads that share b and c; the gated result is normed by group. */
export const mamba2: Part = (model, h, layer) => {
  const { config, graph } = model;
  const inner = config.positive('ssm.inner_size');
  const stateSize = config.positive('ssm.state_size');
  const heads = config.positive('ssm.time_step_rank');
  const groups = config.positive('ssm.group_count');
  const shared = groups * stateSize;
  const [z, xbc, dt] = model.fused(h, layer, 'ssm_in', [inner, inner + 2 * shared, heads]);
  const mixed = ssmConv(model, xbc!, layer);
  const x = graph.slice(mixed, 0, inner);
  const y = graph.scan({
    x,
    dt: graph.scale(dt!, null, model.ref(layer, 'ssm_dt', [heads], '.bias')),
    b: graph.slice(mixed, inner, shared),
    c: graph.slice(mixed, inner + shared, shared),
    a: bare(layer, 'ssm_a', [heads, 1]),
    d: bare(layer, 'ssm_d', [heads, 1]),
    heads,
    headDim: inner / heads,
    stateSize,
    groups,
  });
  let gated = graph.activation(z!, { name: 'silu' }, { by: y });
  if (model.has(layer, 'ssm_norm')) {
    const per = inner / groups;
    const weight = model.ref(layer, 'ssm_norm', [groups, per]);
    gated = graph.norm(gated, { how: 'rms', weight, bias: null, eps: config.rmsEps, per });
  }
  return model.one(gated, layer, 'ssm_out', config.hidden);
};
