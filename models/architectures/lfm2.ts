/** LFM2: layers without KV heads mix by a short convolution, the others by attention with normed heads. */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { attention, type Decoder, decoder, gated, type Part } from '../decoder.js';
import { routing, sparse } from '../experts.js';
import { shortConv } from '../states.js';

const build = (config: Config, mlp: Part, window: number): Decoder =>
  decoder(config, {
    mixer: attention({
      qkNorm: 'before rope',
      window: window > 0 ? { kind: 'sliding', size: window } : null,
    }),
    mlp,
    outputNorm: 'token_embd_norm',
    layer: (layer) => (config.kvHeads(layer) === 0 ? { mixer: shortConv } : {}),
  });

export const lfm2s: readonly Architecture[] = [
  {
    names: ['lfm2'],
    build: (config) => build(config, gated('silu'), config.count('attention.sliding_window', 0)),
  },
  {
    names: ['lfm2moe'],
    build: (config) => build(config, sparse({ ...routing(config), isNormalised: true, weightScale: 1 }), 0),
  },
];
