/** Trinity (AFMoE): scaled embedding, norms before and after each half, gated attention; layers that see everything have no positions. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { windowed } from '../windowed.js';

export const afmoe: Architecture = {
  names: ['afmoe'],
  build: (config) => {
    const view = windowed(config, 4);
    return decoder(config, {
      embeddingScale: Math.sqrt(config.hidden),
      norms: { after: 'post_attention_norm', mlpAfter: 'post_ffw_norm' },
      mixer: attention((layer) => {
        const { rope, window } = view(layer);
        return { qkNorm: 'before rope', rope: layer % 4 === 3 ? null : rope, window, gate: 'sigmoid' };
      }),
      mlp: sparse(routing(config, 'sigmoid')),
    });
  },
};
