/** Maple: every head of q and k normed, positions in layers with a window alone, clamped SwiGLU in the experts. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { experts } from '../experts.js';
import { windowed } from '../windowed.js';

export const maple: Architecture = {
  names: ['maple'],
  build: (config) => {
    const view = windowed(config, 1);
    const limits = config.perLayer('swiglu_clamp_exp', 0);
    return decoder(config, {
      mixer: attention((layer) => {
        const { isLocal, rope, window } = view(layer);
        return { qkNorm: 'before rope', rope: isLocal ? { ...rope, factors: null } : null, window };
      }),
      mlp: experts((_, layer) => {
        const limit = limits[layer]!;
        return limit > 1e-6 ? { act: { name: 'clampedSilu', limit, after: false } } : {};
      }),
    });
  },
};
