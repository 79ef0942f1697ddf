/** PLaMo 3: norms before and after each half and on every head of q and k; seven layers of eight see a window. */
import type { Architecture } from '../architecture.js';
import { type AttentionStyle, attention, decoder, gated } from '../decoder.js';

export const plamo3: Architecture = {
  names: ['plamo3'],
  build: (config) => {
    const size = config.count('attention.sliding_window', 0);
    const windowed = size > 0 ? config.windowed(8) : [];
    const table = config.rope();
    const local = { ...table, theta: config.number('rope.freq_base_swa', 10000), divisor: 1 };
    const own = (layer: number): AttentionStyle => ({
      qkNorm: 'before rope',
      rope: windowed[layer] ? local : table,
      window: windowed[layer] ? { kind: 'sliding', size } : null,
    });
    return decoder(config, {
      norms: { after: 'post_attention_norm', mlpAfter: 'post_ffw_norm' },
      mixer: attention(own),
      mlp: gated('silu'),
    });
  },
};
