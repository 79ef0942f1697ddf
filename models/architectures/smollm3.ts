/** SmolLM3: Llama in which every fourth layer has no positions. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';

export const smollm3: Architecture = {
  names: ['smollm3'],
  build: (config) =>
    decoder(config, {
      mixer: attention((layer) => ({ order: 'pairs', ...((layer + 1) % 4 === 0 ? { rope: null } : {}) })),
      mlp: gated('silu'),
    }),
};
