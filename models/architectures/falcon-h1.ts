/** Falcon-H1: every layer attends and scans as Mamba 2, side by side. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated, type Part } from '../decoder.js';
import { mamba2 } from '../states.js';

export const falconH1: Architecture = {
  names: ['falcon-h1'],
  build: (config) => {
    const { factors: _, ...rest } = config.rope();
    const attend = attention({ rope: { ...rest, factors: null }, unbiased: ['output'] });
    const mixer: Part = (model, h, layer) =>
      model.graph.add(attend(model, h, layer), mamba2(model, h, layer));
    return decoder(config, { mixer, mlp: gated('silu') });
  },
  ignored: [/^rope_freqs\.weight$/, /\.attn_output\.bias$/],
};
