/** LFM2: layers without KV heads mix by a short convolution, the others by attention with normed heads. */
import type { Architecture } from '../architecture.js';
import { type AttentionStyle, attention, decoder, gated } from '../decoder.js';
import { shortConv } from '../states.js';

export const lfm2: Architecture = {
  names: ['lfm2'],
  build: (config) => {
    const size = config.count('attention.sliding_window', 0);
    const style: AttentionStyle = {
      qkNorm: 'before rope',
      window: size > 0 ? { kind: 'sliding', size } : null,
    };
    return decoder(config, {
      mixer: attention(style),
      mlp: gated('silu'),
      outputNorm: 'token_embd_norm',
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: shortConv } : {}),
    });
  },
};
