/** dots.llm's notes model: latent attention with a norm on the key that turns and a gate per head; windows with sizes of their own. */
import type { Architecture } from '../architecture.js';
import { decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { latentAttention } from '../mla.js';
import { windowed } from '../windowed.js';

export const dots3note: Architecture = {
  names: ['dots3note'],
  build: (config) => {
    config.requireWhole(config.count('attention.indexer.top_k'));
    const view = windowed(config, 1, { size: config.count('attention.sliding_window') });
    const whole = config.latentSizes();
    const local = {
      rank: config.positive('attention.kv_lora_rank_swa'),
      key: config.positive('attention.key_length_mla_swa'),
      value: config.positive('attention.value_length_mla_swa'),
    };
    return decoder(config, {
      mixer: latentAttention((_, layer) => {
        const { isLocal, rope, window } = view(layer);
        return { rope, window, sizes: isLocal ? local : whole, keyNorm: 'attn_k_norm', gate: 'sigmoid' };
      }),
      mlp: sparse(routing(config)),
    });
  },
  ignored: [/^blk\.\d+\.indexer\./],
};
