/** Nemotron-H: a layer is one part: a scan as Mamba 2, attention without positions, or an MLP with squared ReLU. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, type Part, plain } from '../decoder.js';
import { chosen, routing } from '../experts.js';
import { mamba2 } from '../states.js';

/** The MLP, or experts that may work in a narrower space, beside one that all tokens share. */
const mlp: Part = (model, h, layer) => {
  const { config, graph } = model;
  if (!model.has(layer, 'ffn_gate_inp')) return plain('squaredRelu')(model, h, layer);
  const isNarrow = model.has(layer, 'ffn_latent_down');
  const inner = isNarrow ? model.one(h, layer, 'ffn_latent_down', config.positive('moe_latent_size')) : h;
  const logits = model.one(h, layer, 'ffn_gate_inp', config.positive('expert_count'));
  const style = { ...routing(config), scoring: 'sigmoid', act: 'squaredRelu' } as const;
  const routed = chosen(model, inner, logits, layer, style);
  const out = isNarrow ? model.one(routed, layer, 'ffn_latent_up', config.hidden) : routed;
  return graph.add(out, plain('squaredRelu', '_shexp', config.sharedFfn(layer))(model, h, layer));
};

export const nemotronH: Architecture = {
  names: ['nemotron_h', 'nemotron_h_moe'],
  build: (config) => {
    const attend = attention({ rope: null });
    return decoder(config, {
      mixer: attend,
      mlp: null,
      layer: (layer) => {
        if (config.ffn(layer) > 0) return { mixer: mlp };
        return { mixer: config.kvHeads(layer) === 0 ? mamba2 : attend };
      },
    });
  },
};
