/** DeepSeek V2, V3 and Kimi K2, and what is stored as they are: latent attention, experts behind the first layers. */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { decoder } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { type LatentStyle, latentAttention } from '../mla.js';
import type { RouteOp } from '../op.js';

/** RoPE and scale under YaRN, whose key `yarn_log_multiplier` is a tenth of the multiplier. */
export function stretched(config: Config): Pick<LatentStyle, 'rope' | 'scale'> {
  const multiplier = 10 * config.number('rope.scaling.yarn_log_multiplier', 0);
  // DeepSeek V2 has one multiplier for both of YaRN's.
  const isBoth = config.architecture === 'deepseek2' && multiplier !== 0 && multiplier !== 1;
  const table = config.rope({ yarnLogMultiplier: multiplier });
  const grown = (times: number, factor: number): number => 1 + 0.1 * times * Math.log(factor);
  const factor = table.yarn?.factor ?? table.divisor;
  const magnitude =
    isBoth && table.yarn ? (table.magnitude * grown(multiplier, factor)) / grown(1, factor) : table.magnitude;
  const whole = (table.yarn ? magnitude : magnitude * grown(1, factor)) * grown(multiplier, factor);
  return { rope: { ...table, magnitude }, scale: (whole * whole) / Math.sqrt(config.latentSizes().key) };
}

function family(names: readonly string[], otherwise: RouteOp['scoring'], hasIndexer: boolean): Architecture {
  return {
    names,
    build: (config) => {
      if (hasIndexer) config.requireWhole(config.count('attention.indexer.top_k'));
      const scale = config.number('attention.temperature_scale', 0);
      const length = config.count('attention.temperature_length', 0);
      const temperature = scale === 0 || hasIndexer ? null : { length, scale, offset: 0 };
      return decoder(config, {
        mixer: latentAttention(() => ({ ...stretched(config), temperature })),
        mlp: sparse(routing(config, otherwise)),
      });
    },
    ignored: hasIndexer ? [/^blk\.\d+\.indexer\./] : [],
  };
}

export const deepseeks: readonly Architecture[] = [
  family(['deepseek2', 'mistral4'], 'softmax', false),
  // An indexer that keeps all positions keeps none away.
  family(['deepseek32'], 'softmax', true),
  family(['glm-dsa'], 'sigmoid', true),
];
