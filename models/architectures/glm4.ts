/** GLM 4: Llama with part of each head turning, and norms before and after each half; gate and up in one tensor. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';

export const glm4: Architecture = {
  names: ['glm4'],
  build: (config) =>
    decoder(config, {
      norms: { after: 'post_attention_norm', mlpAfter: 'post_ffw_norm' },
      mixer: attention({ order: config.hasSections ? 'halves' : 'pairs' }),
      mlp: gated('silu'),
    }),
};
