/** Refact: Llama with distances in place of positions (ALiBi); divisors of frequencies and most biases in files play no part. */
import type { Architecture } from '../architecture.js';
import { attention, bare, decoder, type Part } from '../decoder.js';

const mlp: Part = (model, h, layer) => {
  if (!model.has(layer, 'ffn_up')) return bare('silu')(model, h, layer);
  const size = model.config.ffn(layer);
  const [gate, up] = model.linear(h, layer, { ffn_gate: size, ffn_up: size }, false);
  const inner = model.graph.activation(gate!, { name: 'silu' }, { by: up! });
  return model.one(inner, layer, 'ffn_down', model.config.hidden, false);
};

export const refact: Architecture = {
  names: ['refact'],
  build: (config) =>
    decoder(config, { mixer: attention({ rope: null, alibi: 8, unbiased: ['output'] }), mlp }),
  ignored: [/^rope_freqs\.weight$/, /(attn_output|ffn_\w+)\.bias$/, /(_exps|ffn_gate_inp)\.weight$/],
};
