/** Hunyuan V4: hyper-connections that do not mix, gated latent attention with sinks, where its indexer keeps all positions. */
import type { Architecture } from '../architecture.js';
import { decoder } from '../decoder.js';
import { clamped, routing, sparse } from '../experts.js';
import { latentAttention } from '../mla.js';
import { hyperConnected } from '../streams.js';

export const hyV4: Architecture = {
  names: ['hy_v4'],
  build: (config) => {
    const top = config.count('attention.indexer.top_k', 0);
    if (top > 0) config.requireWhole(top);
    const attend = latentAttention(() => ({ rope: config.rope(), gate: 'sigmoid', hasSinks: true }));
    const act = clamped(config, false);
    const body = hyperConnected({
      mixer: () => attend,
      mlp: sparse((_, layer) => ({ ...routing(config), act: act(layer).act, sharedAct: 'silu' })),
      magnitude: config.number('hyper_connection.magnitude'),
      writeEps: config.number('hyper_connection.epsilon'),
      iterations: 0,
      hasHead: true,
    });
    return decoder(config, { mixer: null, mlp: null }, body);
  },
  ignored: [/^blk\.\d+\.indexer\./],
};
