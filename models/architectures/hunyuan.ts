/** Hunyuan: Llama that norms every head of q and k after RoPE. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';

export const hunyuan: Architecture = {
  names: ['hunyuan-dense', 'hunyuan_vl'],
  build: (config) => decoder(config, { mixer: attention({ qkNorm: 'after rope' }), mlp: gated('silu') }),
};
