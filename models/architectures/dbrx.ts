/** DBRX: LayerNorm without biases, q, k and v cut, fine-grained experts. */
import type { Architecture } from '../architecture.js';
import { attention, decoder } from '../decoder.js';
import { experts } from '../experts.js';

export const dbrx: Architecture = {
  names: ['dbrx'],
  build: (config) =>
    decoder(config, {
      norm: 'layer',
      norms: { mlpBefore: 'attn_output_norm' },
      mixer: attention({ clamp: config.number('attention.clamp_kqv') }),
      mlp: experts(),
    }),
};
