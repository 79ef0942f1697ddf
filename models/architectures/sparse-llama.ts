/** Llama with experts under other names: how dimensions turn, norms of q and k, and how experts are weighed. */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { type AttentionStyle, attention, decoder, type Style } from '../decoder.js';
import { type ExpertsStyle, routing, sparse } from '../experts.js';

function family(
  names: readonly string[],
  mixer: AttentionStyle,
  mlp: ExpertsStyle | ((config: Config) => ExpertsStyle),
  own: Partial<Style> = {},
): Architecture {
  return { names, build: (config) => decoder(config, { mixer: attention(mixer), mlp: sparse(mlp), ...own }) };
}

const scaled = (config: Config): ExpertsStyle => ({ ...routing(config), scoring: 'softmax' });

export const sparseLlamas: readonly Architecture[] = [
  family(['bailingmoe'], { order: 'pairs' }, scaled),
  family(['deepseek'], { order: 'pairs' }, (config) => ({ ...scaled(config), isNormalised: false })),
  family(['bailingmoe2'], { qkNorm: 'before rope' }, (config) => ({
    ...routing(config),
    isSharedSizeEach: true,
  })),
  family(['dots1'], { qkNorm: 'before rope' }, (config) => routing(config)),
  family(['hunyuan-moe'], { qkNorm: 'after rope' }, {}),
  family(['minimax-m2'], { qkNorm: 'before rope' }, (config) => ({
    ...routing(config),
    isNormalised: true,
    weightScale: 1,
  })),
  // Files may carry a dense MLP beside the experts, which plays no part.
  {
    ...family(['hy_v3'], { qkNorm: 'before rope' }, (config) => routing(config, 'sigmoid')),
    ignored: [/^blk\.\d+\.ffn_(gate|up|down)\.weight$/],
  },
];
