/** DeciLM and Nemotron's pruned Llamas: layers differ in heads, and some have a product for attention, or nothing, or no MLP. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated, type Part } from '../decoder.js';

const product: Part = (model, h, layer) => model.one(h, layer, 'attn_output', model.config.hidden);

export const deci: Architecture = {
  names: ['deci'],
  build: (config) => {
    const whole = attention({ order: 'pairs' });
    const mlp = gated('silu');
    return decoder(config, {
      mixer: whole,
      mlp,
      layer: (layer) => ({
        mixer: config.heads(layer) === 0 ? null : config.kvHeads(layer) === 0 ? product : whole,
        mlp: config.ffn(layer) === 0 ? null : mlp,
      }),
    });
  },
};
