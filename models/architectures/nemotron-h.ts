/** Nemotron-H: a layer is one part: a scan as Mamba 2, attention without positions, or an MLP with squared ReLU. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, plain } from '../decoder.js';
import { mamba2 } from '../states.js';

export const nemotronH: Architecture = {
  names: ['nemotron_h', 'nemotron_h_moe'],
  build: (config) => {
    config.requireDense();
    const attend = attention({ rope: null });
    const mlp = plain('squaredRelu');
    return decoder(config, {
      mixer: attend,
      mlp: null,
      layer: (layer) => {
        if (config.ffn(layer) > 0) return { mixer: mlp };
        return { mixer: config.kvHeads(layer) === 0 ? mamba2 : attend };
      },
    });
  },
};
