/** Granite 3 and MiniCPM: Llama with scales on the embedding, the residual, the attention and the logits. */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { attention, decoder, type Style } from '../decoder.js';
import { sparse } from '../experts.js';
import { mamba2 } from '../states.js';

const style = (config: Config): Style => {
  const hasPositions = config.flag('rope.scaling.finetuned', true);
  return {
    embeddingScale: config.number('embedding_scale', 0) || 1,
    residualScale: config.number('residual_scale', 0) || 1,
    logitScale: 1 / (config.number('logit_scale', 0) || 1),
    mixer: attention({
      order: 'pairs',
      scale: config.number('attention.scale', 0) || 1 / Math.sqrt(config.headDim),
      ...(hasPositions ? {} : { rope: null }),
    }),
    mlp: sparse(),
  };
};

export const granite: Architecture = {
  names: ['granite', 'granitemoe'],
  build: (config) => {
    config.number('logit_scale');
    return decoder(config, style(config));
  },
};

/** Granite 4: layers without KV heads scan as Mamba 2. */
export const graniteHybrid: Architecture = {
  names: ['granitehybrid'],
  build: (config) =>
    decoder(config, {
      ...style(config),
      layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: mamba2 } : {}),
    }),
};

export const minicpm: Architecture = {
  names: ['minicpm'],
  build: (config) => {
    return decoder(config, {
      embeddingScale: config.number('embedding_scale', 12),
      residualScale: config.number('residual_scale', 1.4 / Math.sqrt(config.layers)),
      logitScale: 1 / config.number('logit_scale', 256 / config.hidden),
      mixer: attention({ order: 'pairs' }),
      mlp: sparse(),
    });
  },
};
