/**
 * Hyper-connections (Zhu et al. 2024, arXiv:2409.19606): a token has several hidden vectors, its streams. Each half of a layer
 * reads a weighed sum of them and writes to all; some mix them by a doubly stochastic matrix (arXiv:2512.24880).
 */
import type { Body, Decoder, Part } from './decoder.js';
import type { Value, WeightRef } from './op.js';

export interface StreamsStyle {
  readonly mixer: (layer: number) => Part;
  readonly mlp: Part;
  /** Multiplies the sigmoids that a half writes by, to which `writeEps` is added. */
  readonly magnitude: number;
  readonly writeEps: number;
  /** How often the mixing matrix' columns are divided by their sums; 0: streams are not mixed. */
  readonly iterations: number;
  /** Whether the last norm reads a weighed sum, or the mean. */
  readonly hasHead: boolean;
}

export function hyperConnected(style: StreamsStyle): Body {
  return (model, embedded) => {
    const { graph, config } = model;
    const streams = config.positive('hyper_connection.count');
    const parts = Array.from({ length: streams }, () => ({ in: embedded }));
    let x = graph.arrange(1, parts);
    const half = (name: string, norm: string, part: Part, layer: number): void => {
      const weights = weigh(model, x, `blk.${layer}.hc_${name}`, style, false);
      const read = graph.mix(x, { top: streams, weights, first: 0 });
      const from = part(model, model.normOf(read, layer, norm), layer);
      x = graph.writeStreams(x, { from, weights, streams });
    };
    for (let layer = 0; layer < config.layers; layer++) {
      half('attn', 'attn_norm', style.mixer(layer), layer);
      half('ffn', 'ffn_norm', style.mlp, layer);
    }
    const picked = graph.arrange(1, [{ in: x }], 'logits');
    const weights = style.hasHead ? weigh(model, picked, 'output_hc', style, true) : null;
    const sum = graph.mix(picked, { top: streams, weights, first: 0 });
    return weights ? sum : graph.times(sum, 1 / streams);
  };
}

/** Weights of the streams from all of them, normed as one. */
function weigh(model: Decoder, x: Value, name: string, style: StreamsStyle, isHead: boolean): Value {
  const { graph, config } = model;
  const streams = config.positive('hyper_connection.count');
  const { magnitude, writeEps, iterations } = style;
  const parts = isHead ? 1 : iterations > 0 ? 3 : 2;
  const count = streams * (isHead ? 1 : iterations > 0 ? 2 + streams : 2);
  const ref = (end: string, shape: readonly number[]): WeightRef => ({
    name: `${name}_${end}.weight`,
    shape,
  });
  const [logits] = graph.linear(model.bareNorm(x), [ref('fn', [count, x.features])]);
  return graph.weighStreams(logits!, {
    streams,
    isSoftmax: false,
    scale: ref('scale', [parts]),
    base: ref('base', [count]),
    eps: config.number('hyper_connection.epsilon'),
    magnitude,
    writeEps,
    iterations,
  });
}
