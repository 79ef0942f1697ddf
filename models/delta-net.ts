/** Gated delta nets: linear attention with a decay per head and the delta rule, on convolved queries, keys and values. */
import type { Config } from './config.js';
import type { Decoder, Part } from './decoder.js';
import type { Value } from './op.js';
import { bare, ssmConv } from './states.js';

/** For each layer whether it remembers: the key's flags, or all but every `full_attention_interval`-th. */
export function recurrentLayers(config: Config, period = 4): readonly boolean[] {
  const interval = config.positive('full_attention_interval', period);
  const usual = Array.from({ length: config.layers }, (_, layer) => ((layer + 1) % interval === 0 ? 0 : 1));
  return config.perLayer('attention.recurrent_layers', usual).map((flag) => flag !== 0);
}

/** x / sqrt(sum of x^2 + eps) of every head. */
export function unitHeads({ graph, config }: Decoder, x: Value, per: number, eps = config.rmsEps): Value {
  const norm = { how: 'rms', weight: null, bias: null, eps: eps / per, per } as const;
  return graph.times(graph.norm(x, norm), 1 / Math.sqrt(per));
}

/** What a delta net makes of h before the recurrence. */
interface Inputs {
  /** Queries, keys and values, not convolved. */
  readonly qkv: Value;
  readonly z: Value;
  readonly beta: Value;
  readonly alpha: Value;
}

/** `isTiled`: value head i goes with key head i mod their number, else with the one at its share of them. */
export function deltaNet(
  inputs: (model: Decoder, h: Value, layer: number, sizes: DeltaSizes) => Inputs,
  isTiled: boolean,
): Part {
  return (model, h, layer) => {
    const { config, graph } = model;
    const sizes = deltaSizes(config);
    const { keyHeads, heads, keyDim, valueDim, keys, values } = sizes;
    const { qkv, z, beta, alpha } = inputs(model, h, layer, sizes);
    const mixed = ssmConv(model, qkv, layer);
    const tiled = (x: Value): Value =>
      isTiled && heads > keyHeads
        ? graph.arrange(
            1,
            Array.from({ length: heads / keyHeads }, () => ({ in: x })),
          )
        : x;
    const dt = graph.scale(alpha, null, model.ref(layer, 'ssm_dt', [heads], '.bias'));
    const y = graph.linearAttention({
      q: tiled(unitHeads(model, graph.slice(mixed, 0, keys), keyDim)),
      k: tiled(unitHeads(model, graph.slice(mixed, keys, keys), keyDim)),
      v: graph.slice(mixed, 2 * keys, values),
      decay: graph.scale(graph.activation(dt, { name: 'softplus' }), bare(layer, 'ssm_a', [heads])),
      beta: graph.activation(beta, { name: 'sigmoid' }),
      isDelta: true,
      heads,
      keyHeads: isTiled ? heads : keyHeads,
      keyDim,
      valueDim,
      scale: 1 / Math.sqrt(keyDim),
    });
    const normed = model.norm(y, `blk.${layer}.ssm_norm`, { per: valueDim });
    return model.one(graph.activation(z, { name: 'silu' }, { by: normed }), layer, 'ssm_out', config.hidden);
  };
}

export interface DeltaSizes {
  readonly keyHeads: number;
  readonly heads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  /** Features of all keys, and of all values. */
  readonly keys: number;
  readonly values: number;
}

function deltaSizes(config: Config): DeltaSizes {
  const keyHeads = config.positive('ssm.group_count');
  const heads = config.positive('ssm.time_step_rank');
  const keyDim = config.positive('ssm.state_size');
  const valueDim = config.positive('ssm.inner_size') / heads;
  return { keyHeads, heads, keyDim, valueDim, keys: keyHeads * keyDim, values: heads * valueDim };
}
