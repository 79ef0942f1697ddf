/** MiniCPM 3: latent attention, with MiniCPM's scales on the embedding, the residual and the logits. */
import type { Architecture } from '../architecture.js';
import { decoder, gated } from '../decoder.js';
import { latentAttention } from '../mla.js';

export const minicpm3: Architecture = {
  names: ['minicpm3'],
  build: (config) =>
    decoder(config, {
      embeddingScale: 12,
      residualScale: 1.4 / Math.sqrt(config.layers),
      logitScale: 256 / config.hidden,
      mixer: latentAttention(() => ({ rope: config.rope(), order: 'halves' })),
      mlp: gated('silu'),
    }),
};
