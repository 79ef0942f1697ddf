/** Spark 2.5: layers by pattern see a window, every head's result is multiplied by a gate, GELU. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { windowed } from '../windowed.js';

export const spark: Architecture = {
  names: ['spark2_5'],
  build: (config) => {
    const view = windowed(config, 1);
    return decoder(config, {
      mixer: attention((layer) => {
        const { rope, window } = view(layer);
        return { rope, window, gate: 'sigmoid' };
      }),
      mlp: gated('geluTanh'),
    });
  },
};
