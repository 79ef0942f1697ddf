/** EXAONE 4: norms after each half, every head of q and k normed; in the 32B layers with a window alone have positions. */
import type { Architecture } from '../architecture.js';
import { type AttentionStyle, attention, decoder, gated } from '../decoder.js';

export const exaone4: Architecture = {
  names: ['exaone4'],
  build: (config) => {
    const isLarge = config.layers === 64;
    const windowed = isLarge ? config.windowed(4) : [];
    const size = config.count('attention.sliding_window', 4096);
    const table = config.rope();
    const own = (layer: number): AttentionStyle => ({
      qkNorm: 'before rope',
      rope: windowed[layer] || !isLarge ? table : null,
      window: windowed[layer] ? { kind: 'sliding', size } : null,
    });
    return decoder(config, {
      norms: { before: null, after: 'post_attention_norm', mlpBefore: null, mlpAfter: 'post_ffw_norm' },
      mixer: attention(own),
      mlp: gated('silu'),
    });
  },
};
