/** Mellum 2: Qwen 3's mixture of experts with windows, within which positions are not stretched. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { experts } from '../experts.js';
import { windowed } from '../windowed.js';

export const mellum: Architecture = {
  names: ['mellum'],
  build: (config) => {
    const view = windowed(config, 4, { isLocalPlain: true });
    const { theta } = config.rope();
    return decoder(config, {
      mixer: attention((layer) => {
        const { rope, window } = view(layer);
        return { qkNorm: 'before rope', rope: { ...rope, theta }, window };
      }),
      mlp: experts(),
    });
  },
};
