/** Kimi Linear: delta nets with a decay for every key, beside latent attention without positions, and experts. */
import type { Architecture } from '../architecture.js';
import { decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { kda } from '../kda.js';
import { latentAttention } from '../mla.js';

export const kimiLinear: Architecture = {
  names: ['kimi-linear'],
  build: (config) =>
    decoder(config, {
      mixer: latentAttention(() => ({ rope: null })),
      mlp: sparse({ ...routing(config), isNormalised: true }),
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: kda() } : {}),
    }),
  // Files may carry biases that the reference does not read.
  ignored: [/\.attn_[qkv]\.bias$/],
};
