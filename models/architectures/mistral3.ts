/** Ministral 3: Llama whose queries grow with the position beyond the original context. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { sparse } from '../experts.js';

export const mistral3: Architecture = {
  names: ['mistral3'],
  build: (config) => {
    const scale = config.number('attention.temperature_scale', 0);
    const table = config.rope({ yarnLogMultiplier: config.number('rope.scaling.yarn_log_multiplier', 0) });
    const yarn = table.yarn && {
      ...table.yarn,
      betaFast: config.number('rope.scaling.yarn_beta_fast', 32),
      betaSlow: config.number('rope.scaling.yarn_beta_slow', 1),
    };
    const length = config.count('rope.scaling.original_context_length', config.context);
    return decoder(config, {
      mixer: attention({
        order: 'pairs',
        rope: { ...table, yarn },
        temperature: scale === 0 ? null : { length, scale, offset: 0 },
      }),
      mlp: sparse(),
    });
  },
};
