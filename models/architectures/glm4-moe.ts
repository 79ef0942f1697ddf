/** GLM 4.5 and later: grouped-query attention with norms of q and k in some sizes, experts behind the first layers. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';

export const glm4Moe: Architecture = {
  names: ['glm4moe'],
  build: (config) => {
    const isNormed = config.has('blk.0.attn_q_norm.weight');
    return decoder(config, {
      norms: { mlpBefore: 'post_attention_norm' },
      mixer: attention({ qkNorm: isNormed ? 'before rope' : null }),
      mlp: sparse(routing(config, 'sigmoid')),
    });
  },
};
