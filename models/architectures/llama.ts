/** Llama 1 to 3 and all that is stored as it: RMSNorm, grouped-query attention, SwiGLU; neighbouring dimensions turn. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';

export const llama: Architecture = {
  names: ['llama'],
  build: (config) => {
    config.requireDense();
    return decoder(config, { mixer: attention({ order: 'pairs' }), mlp: gated('silu') });
  },
};
