/**
 * GLM 5.3 Flash: hyper-connections that mix, delta nets with bounded decays beside latent attention without positions, where
 * its indexer keeps all positions.
 */
import type { Architecture } from '../architecture.js';
import { decoder, gated } from '../decoder.js';
import { clamped, routing, sparse } from '../experts.js';
import { kda } from '../kda.js';
import { latentAttention } from '../mla.js';
import { hyperConnected } from '../streams.js';

export const glm5Next: Architecture = {
  names: ['glm5-next'],
  build: (config) => {
    config.requireWhole(config.count('attention.indexer.top_k'));
    const attend = latentAttention(() => ({ rope: null }));
    const act = clamped(config, false);
    const body = hyperConnected({
      mixer: (layer) => (config.kvHeads(layer) === 0 ? kda({ eps: 1e-6 }) : attend),
      mlp: sparse(
        (_, layer) => ({ ...routing(config, 'sigmoid'), ...act(layer) }),
        (model, h, layer) => gated(act(layer).sharedAct)(model, h, layer),
      ),
      magnitude: 2,
      writeEps: 0,
      iterations: config.positive('hyper_connection.sinkhorn_iterations'),
      hasHead: false,
    });
    return decoder(config, { mixer: null, mlp: null }, body);
  },
  // Files may carry biases that the reference does not read.
  ignored: [/^blk\.\d+\.indexer/, /\.attn_[qkv]\.bias$/],
};
