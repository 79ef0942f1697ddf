/** Granite with windows: layers by pattern see a window or turn, and heads may have sinks. */
import type { Architecture } from '../architecture.js';
import { type AttentionStyle, attention, decoder, gated } from '../decoder.js';

export const graniteSwa: Architecture = {
  names: ['granite_swa'],
  build: (config) => {
    config.requireDense();
    const size = config.count('attention.sliding_window');
    const windowed = config.windowed(1);
    const turns = config.perLayer('attention.rope_pattern', 1);
    const own = (layer: number): AttentionStyle => ({
      order: 'pairs',
      rope: turns[layer] ? config.rope() : null,
      window: windowed[layer] ? { kind: 'sliding', size } : null,
      scale: config.number('attention.scale', 0) || 1 / Math.sqrt(config.headDim),
      hasSinks: config.has(`blk.${layer}.attn_sinks.weight`),
    });
    return decoder(config, {
      embeddingScale: config.number('embedding_scale', 0) || 1,
      residualScale: config.number('residual_scale', 0) || 1,
      logitScale: 1 / config.number('logit_scale'),
      mixer: attention(own),
      mlp: gated('silu'),
    });
  },
};
