/** Command R7B and A: LayerNorm, attention and MLP side by side, three layers of four with a window and positions. */
import type { Architecture } from '../architecture.js';
import { type AttentionStyle, attention, decoder, gated } from '../decoder.js';

export const cohere2: Architecture = {
  names: ['cohere2'],
  build: (config) => {
    const size = config.count('attention.sliding_window');
    const windowed = config.windowed(4);
    const own = (layer: number): AttentionStyle => ({
      order: 'pairs',
      rope: windowed[layer] ? config.rope() : null,
      window: windowed[layer] ? { kind: 'sliding', size } : null,
    });
    return decoder(config, {
      norm: 'layer',
      parallel: { ownNorm: false },
      mixer: attention(own),
      mlp: gated('silu'),
      logitScale: config.number('logit_scale') || 1,
    });
  },
};
