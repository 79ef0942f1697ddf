/** Phi 3 and 4: Llama with q, k, v in one tensor and gate and up in one; long contexts by factors (longrope). */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';

export const phi3: Architecture = {
  names: ['phi3'],
  build: (config) => {
    config.requireDense();
    return decoder(config, { mixer: attention(), mlp: gated('silu') });
  },
};
