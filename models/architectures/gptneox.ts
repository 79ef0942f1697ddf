/** LayerNorm with RoPE: GPT-NeoX, Falcon, Phi 2, StarCoder 2, OLMo, StableLM, Command R and their kin, many with attention and MLP side by side. */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { attention, decoder, gated, plain, type Style } from '../decoder.js';

function family(names: readonly string[], own: (config: Config) => Partial<Style>): Architecture {
  return {
    names,
    build: (config) =>
      decoder(config, { norm: 'layer', mixer: attention(), mlp: plain('geluTanh'), ...own(config) }),
  };
}

/** Norms of q and k where the file has them, each head its own. */
const qkNorm = (config: Config) => (config.has('blk.0.attn_q_norm.weight') ? 'before rope' : null);

export const neoxes: readonly Architecture[] = [
  family(['gptneox'], (config) => ({
    parallel: config.flag('use_parallel_residual', true) ? { ownNorm: true } : null,
  })),
  // The larger ones norm the attention's input apart.
  family(['falcon'], (config) =>
    config.has('blk.0.attn_norm_2.weight')
      ? { parallel: { ownNorm: true }, norms: { before: 'attn_norm_2', mlpBefore: 'attn_norm' } }
      : { parallel: { ownNorm: false } },
  ),
  family(['phi2'], () => ({ parallel: { ownNorm: false } })),
  family(['starcoder2', 'codeshell'], () => ({})),
  family(['nemotron', 'jais2'], () => ({ mlp: plain('squaredRelu') })),
  // Norms have no weights.
  family(['olmo'], (config) => ({
    isNormBare: true,
    mixer: attention({ order: 'pairs', clamp: config.number('attention.clamp_kqv', 0) }),
    mlp: gated('silu'),
  })),
  family(['orion'], () => ({ mlp: gated('silu') })),
  family(['stablelm'], (config) => ({
    parallel: config.has('blk.0.ffn_norm.weight') ? null : { ownNorm: false },
    mixer: attention({ qkNorm: qkNorm(config) }),
    mlp: gated('silu'),
  })),
  family(['command-r'], (config) => ({
    parallel: { ownNorm: false },
    mixer: attention({ order: 'pairs', qkNorm: qkNorm(config) }),
    mlp: gated('silu'),
    logitScale: config.number('logit_scale', 0) || 1,
  })),
];
