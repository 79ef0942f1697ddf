/** Talkie: norms without weights, q and k normed after they turn, and behind each layer a share of the normed embedding. */
import type { Architecture } from '../architecture.js';
import { attention, type Body, decoder, gated, layerOf } from '../decoder.js';

const body: Body = (model, embedded) => {
  let x = embedded;
  for (let layer = 0; layer < model.config.layers; layer++) {
    const share = model.graph.scale(embedded, model.ref(layer, 'layer_output_scale', [1]));
    x = model.graph.add(layerOf(model, x, layer), share);
  }
  return x;
};

export const talkie: Architecture = {
  names: ['talkie'],
  build: (config) => {
    const style = {
      isNormBare: true,
      embeddingNorm: null,
      mixer: attention({ qkNorm: 'bare after rope', queryScale: 'attn_q_norm' }),
      mlp: gated('silu'),
      logitScale: config.number('logit_scale'),
    } as const;
    return decoder(config, style, body);
  },
};
