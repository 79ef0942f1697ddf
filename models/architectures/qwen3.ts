/** Qwen 3: as Qwen 2, with an RMSNorm on every head of q and k instead of biases. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { ranked } from '../pooled.js';

export const qwen3: Architecture = {
  names: ['qwen3', 'qwen3vl'],
  build: (config) =>
    decoder(config, {
      mixer: attention({ qkNorm: 'before rope' }),
      mlp: gated('silu'),
      // Its rerankers keep the rows of the head that say yes and no.
      pooled: config.isRanker && config.has('cls.output.weight') ? ranked('last', 'identity') : null,
    }),
  unread: [/^cls\.output\.weight$/],
};
