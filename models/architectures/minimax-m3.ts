/** MiniMax M3 where its indexer keeps all blocks of positions: norms on every head of q and k, clamped SwiGLU in every MLP. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { routing, sparse } from '../experts.js';

export const minimaxM3: Architecture = {
  names: ['minimax-m3'],
  build: (config) => {
    config.requireWhole(
      config.count('attention.indexer.top_k') * config.positive('attention.indexer.block_size'),
    );
    const act = { name: 'swigluOai', alpha: 1.702, limit: 7 } as const;
    return decoder(config, {
      mixer: attention({ qkNorm: 'before rope' }),
      mlp: sparse({ ...routing(config), act }, gated(act)),
    });
  },
  ignored: [/^blk\.\d+\.indexer\./],
};
