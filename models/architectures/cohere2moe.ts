/** Command A's mixture of experts: attention and MLP side by side; layers with a window, and dense ones, have positions. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { windowed } from '../windowed.js';

export const cohere2Moe: Architecture = {
  names: ['cohere2moe'],
  build: (config) => {
    const view = windowed(config, 4, { isFirstWhole: true });
    const dense = config.count('leading_dense_block_count');
    const isRms = config.number('attention.layer_norm_rms_epsilon', 0) !== 0;
    return decoder(config, {
      norm: isRms ? 'rms' : 'layer',
      parallel: { ownNorm: false },
      mixer: attention((layer) => {
        const { isLocal, window } = view(layer);
        return { order: 'pairs', rope: isLocal || layer < dense ? config.rope() : null, window };
      }),
      mlp: sparse({ ...routing(config, 'sigmoid'), sharedScale: 0.5 }),
      logitScale: config.number('logit_scale') || 1,
    });
  },
};
