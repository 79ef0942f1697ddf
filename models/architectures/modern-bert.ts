/** ModernBERT: norms before each half but the first, gated GELU, two layers of three see a symmetric window. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { ranked } from '../pooled.js';
import { windowed } from '../windowed.js';

export const modernBert: Architecture = {
  names: ['modern-bert'],
  build: (config) => {
    const views = windowed(config, 3, { isFirstWhole: true, kind: 'symmetric' });
    const act = config.text('hidden_act', 'gelu') === 'silu' ? 'silu' : 'gelu';
    return decoder(config, {
      norm: 'layer',
      embeddingNorm: 'token_embd_norm',
      mixer: attention((layer) => {
        const { rope, window } = views(layer);
        return { isCausal: false, rope, window };
      }),
      mlp: gated(act),
      layer: (layer) => ({
        norms: { before: config.has(`blk.${layer}.attn_norm.weight`) ? 'attn_norm' : null },
      }),
      pooled: ranked('mean', 'gelu'),
    });
  },
  unread: [/^cls\./],
};
