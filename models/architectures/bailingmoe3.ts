/** Ling 3: delta nets with a bounded decay for every key, beside latent attention with a gate per head; clamped SwiGLU in the experts. */
import type { Architecture } from '../architecture.js';
import { decoder, gated } from '../decoder.js';
import { clamped, routing, sparse } from '../experts.js';
import { kda } from '../kda.js';
import { latentAttention } from '../mla.js';

export const bailingMoe3: Architecture = {
  names: ['bailingmoe3'],
  build: (config) => {
    const act = clamped(config, true);
    const order = config.hasSections ? 'halves' : 'pairs';
    return decoder(config, {
      mixer: latentAttention(() => ({ rope: config.rope(), order, gate: 'sigmoid' })),
      mlp: sparse(
        (_, layer) => ({ ...routing(config), ...act(layer) }),
        (model, h, layer) => gated(act(layer).sharedAct)(model, h, layer),
      ),
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: kda({ isNegative: false }) } : {}),
    });
  },
  // Files may carry biases that the reference does not read.
  ignored: [/\.attn_[qkv]\.bias$/],
};
