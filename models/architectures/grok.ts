/** Grok 1 and 2: norms before and after each half, capped attention, GELU experts with a dense MLP beside them in 2. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { experts } from '../experts.js';

export const grok: Architecture = {
  names: ['grok'],
  build: (config) => {
    const routed = experts({ act: 'geluTanh' });
    const dense = gated('geluTanh');
    const hasOther = config.has('blk.0.layer_output_norm.weight');
    const table = config.rope();
    const yarn = table.yarn && {
      ...table.yarn,
      betaFast: config.number('rope.scaling.yarn_beta_fast', 8),
      betaSlow: config.number('rope.scaling.yarn_beta_slow', 1),
    };
    return decoder(config, {
      embeddingScale: config.number('embedding_scale', 78.38367176906169),
      norms: { after: 'attn_output_norm', mlpAfter: hasOther ? 'layer_output_norm' : 'post_ffw_norm' },
      mixer: attention({
        rope: { ...table, yarn },
        scale: config.number('attention.output_scale', 0.08838834764831845),
        softcap: config.number('attn_logit_softcapping', 30),
      }),
      mlp: (model, h, layer) => {
        const out = routed(model, h, layer);
        if (!model.has(layer, 'ffn_up')) return out;
        return model.graph.times(model.graph.add(dense(model, h, layer), out), Math.SQRT1_2);
      },
      logitScale: config.number('logit_scale', 0.5773502691896257),
      logitCap: config.number('final_logit_softcapping', 0),
    });
  },
};
