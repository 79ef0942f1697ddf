/** MiMo 2: layers that see a window have a RoPE and, in some sizes, sinks of their own; scaled attention results. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { sparse } from '../experts.js';
import { windowed } from '../windowed.js';

export const mimo2: Architecture = {
  names: ['mimo2'],
  build: (config) => {
    const view = windowed(config, 1, { size: config.count('attention.sliding_window') });
    const mixer = attention((layer) => ({
      ...view(layer),
      hasSinks: config.has(`blk.${layer}.attn_sinks.weight`),
      unbiased: ['input'],
    }));
    const scale = config.number('attention.value_scale', 0) || 1;
    return decoder(config, {
      mixer: (model, h, layer) => model.graph.times(mixer(model, h, layer), scale),
      mlp: sparse({ scoring: 'sigmoid' }),
    });
  },
  // Biases, and a dense MLP beside the experts, may lie there and play no part.
  ignored: [/^blk\.\d+\.ffn_(gate|up|down)\.weight$/, /attn_[qkv]\.bias$/],
};
