/** Laguna: every head of q and k normed, attention gated by softplus, layers that see a window with another RoPE. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { windowed } from '../windowed.js';

export const laguna: Architecture = {
  names: ['laguna'],
  build: (config) => {
    const view = windowed(config, 4, { isFirstWhole: true, isLocalPlain: true });
    return decoder(config, {
      mixer: attention((layer) => ({ ...view(layer), qkNorm: 'before rope', gate: 'softplus' })),
      mlp: sparse(routing(config, 'sigmoid')),
    });
  },
};
