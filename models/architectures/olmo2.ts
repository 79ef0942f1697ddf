/** OLMo 2 and 3: norms after each half and none before, q and k normed as wholes; in 3 most layers see a window, with a RoPE that is not stretched. */
import type { Architecture } from '../architecture.js';
import { type AttentionStyle, attention, decoder, gated } from '../decoder.js';

export const olmo2: Architecture = {
  names: ['olmo2'],
  build: (config) => {
    const size = config.count('attention.sliding_window', 0);
    const windowed = size > 0 ? config.windowed(4) : [];
    const table = config.rope();
    const theta = config.number('rope.freq_base_swa', table.theta);
    const local = { ...table, theta, divisor: 1, yarn: null, magnitude: 1 };
    const own = (layer: number): AttentionStyle => ({
      qkNorm: 'before rope',
      rope: windowed[layer] ? local : table,
      window: windowed[layer] ? { kind: 'sliding', size } : null,
    });
    return decoder(config, {
      norms: { before: null, after: 'post_attention_norm', mlpBefore: null, mlpAfter: 'post_ffw_norm' },
      mixer: attention(own),
      mlp: gated('silu'),
    });
  },
};
