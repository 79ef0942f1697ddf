/** gpt-oss: a sink per head, every other layer with a window, experts with biases and a clamped SwiGLU. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { experts } from '../experts.js';
import { windowed } from '../windowed.js';

export const gptOss: Architecture = {
  names: ['gpt-oss'],
  build: (config) => {
    const view = windowed(config, 2);
    return decoder(config, {
      norms: { mlpBefore: 'post_attention_norm' },
      mixer: attention((layer) => ({ ...view(layer), hasSinks: true })),
      mlp: experts({
        act: { name: 'swigluOai', alpha: 1.702, limit: 7 },
        scoring: 'softmaxOfChosen',
        isNormalised: false,
      }),
    });
  },
};
