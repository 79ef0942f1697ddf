/** Granite 3 and MiniCPM: Llama with scales on the embedding, the residual, the attention and the logits. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';

export const granite: Architecture = {
  names: ['granite'],
  build: (config) => {
    config.requireDense();
    const hasPositions = config.flag('rope.scaling.finetuned', true);
    return decoder(config, {
      embeddingScale: config.number('embedding_scale', 0) || 1,
      residualScale: config.number('residual_scale', 0) || 1,
      logitScale: 1 / config.number('logit_scale'),
      mixer: attention({
        order: 'pairs',
        scale: config.number('attention.scale', 0) || 1 / Math.sqrt(config.headDim),
        ...(hasPositions ? {} : { rope: null }),
      }),
      mlp: gated('silu'),
    });
  },
};

export const minicpm: Architecture = {
  names: ['minicpm'],
  build: (config) => {
    config.requireDense();
    return decoder(config, {
      embeddingScale: config.number('embedding_scale', 12),
      residualScale: config.number('residual_scale', 1.4 / Math.sqrt(config.layers)),
      logitScale: 1 / config.number('logit_scale', 256 / config.hidden),
      mixer: attention({ order: 'pairs' }),
      mlp: gated('silu'),
    });
  },
};
