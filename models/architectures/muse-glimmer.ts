/** Muse Glimmer: norms around each half, gated attention; layers with a window turn, those that see everything do not. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { windowed } from '../windowed.js';

export const museGlimmer: Architecture = {
  names: ['muse-glimmer'],
  build: (config) => {
    const view = windowed(config, 4, { isLocalPlain: true });
    return decoder(config, {
      embeddingNorm: null,
      norms: { after: 'post_attention_norm', mlpAfter: 'post_ffw_norm' },
      afterEps: 1e-8,
      mixer: attention((layer) => {
        const { isLocal, rope, window } = view(layer);
        const table = isLocal ? rope : null;
        return { order: 'pairs', qkNorm: 'before rope', rope: table, window, gate: 'sigmoid' };
      }),
      mlp: gated('silu'),
      logitScale: config.number('logit_scale'),
      logitCap: config.number('final_logit_softcapping', 0),
    });
  },
};
