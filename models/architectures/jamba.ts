/** Jamba: layers without KV heads scan as Mamba 1 with normed dt, b and c; the others attend without positions. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { sparse } from '../experts.js';
import { mamba } from '../states.js';

export const jamba: Architecture = {
  names: ['jamba'],
  build: (config) =>
    decoder(config, {
      mixer: attention({ rope: null }),
      mlp: sparse({ isNormalised: false }),
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: mamba() } : {}),
    }),
};
