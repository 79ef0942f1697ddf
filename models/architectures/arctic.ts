/** Snowflake Arctic: a dense MLP after attention, and experts beside both that read the layer's own input. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { experts } from '../experts.js';
import type { Value } from '../op.js';

export const arctic: Architecture = {
  names: ['arctic'],
  build: (config) => {
    const inputs: Value[] = [];
    const mixer = attention({ order: 'pairs' });
    const dense = gated('silu', '', config.hidden);
    const sparse = experts();
    return decoder(config, {
      norms: { before: null },
      mixer: (model, x, layer) => {
        inputs[layer] = x;
        return mixer(model, model.normOf(x, layer, 'attn_norm'), layer);
      },
      mlp: (model, h, layer) => {
        const routed = sparse(model, model.normOf(inputs[layer]!, layer, 'ffn_norm_exps'), layer);
        return model.graph.add(dense(model, h, layer), routed);
      },
    });
  },
};
