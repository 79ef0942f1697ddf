/** Jamba: layers without KV heads scan as Mamba 1 with normed dt, b and c; the others attend without positions. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { mamba } from '../states.js';

export const jamba: Architecture = {
  names: ['jamba'],
  build: (config) => {
    config.requireDense();
    return decoder(config, {
      mixer: attention({ rope: null }),
      mlp: gated('silu'),
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: mamba() } : {}),
    });
  },
};
