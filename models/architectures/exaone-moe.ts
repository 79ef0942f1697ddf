/** K-EXAONE: every head of q and k normed, positions in layers with a window alone, experts behind the first layers. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { windowed } from '../windowed.js';

export const exaoneMoe: Architecture = {
  names: ['exaone-moe'],
  build: (config) => {
    const view = windowed(config, 4, { size: config.count('attention.sliding_window') });
    return decoder(config, {
      mixer: attention((layer) => {
        const { isLocal, window } = view(layer);
        return { qkNorm: 'before rope', rope: isLocal ? config.rope() : null, window };
      }),
      mlp: sparse(routing(config)),
    });
  },
};
