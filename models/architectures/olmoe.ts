/** OLMoE: q and k normed as wholes, experts whose weights are the softmax over all of them. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { experts } from '../experts.js';

export const olmoe: Architecture = {
  names: ['olmoe'],
  build: (config) =>
    decoder(config, {
      mixer: attention({ qkNorm: 'before rope' }),
      mlp: experts({ isNormalised: false }),
    }),
};
