/** Llama 4: three layers of four see chunks and have positions, the fourth scales its queries; experts weighed before their MLP. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { sparse } from '../experts.js';

const chunk = 8192;

export const llama4: Architecture = {
  names: ['llama4'],
  build: (config) => {
    const hasChunks = config.count('attention.sliding_window', chunk) > 0;
    const flags = hasChunks ? config.windowed(4) : [];
    const table = config.rope();
    const theta = config.number('rope.freq_base_swa', table.theta);
    // The largest has no norms of q and k.
    const isNormed = config.count('expert_count', 0) !== 128;
    return decoder(config, {
      mixer: attention((layer) => {
        const hasPositions = !hasChunks || layer % 4 !== 3;
        return {
          order: 'pairs',
          rope: !hasPositions ? null : flags[layer] ? { ...table, theta } : table,
          window: flags[layer] ? { kind: 'chunked', size: chunk } : null,
          temperature: hasPositions ? null : { length: chunk, scale: 0.1, offset: 1 },
          qkNorm: hasPositions && isNormed ? 'bare after rope' : null,
        };
      }),
      mlp: sparse({ scoring: 'sigmoid', chooseBy: 'logits', isNormalised: false, isWeighedBefore: true }),
    });
  },
};
