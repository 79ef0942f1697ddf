/** MiniMax-Text-01: most layers attend linearly with a fixed decay per head; what is added to is the normed vector. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, type Part } from '../decoder.js';
import { recurrentLayers } from '../delta-net.js';
import { experts } from '../experts.js';

/** Decays are slopes of ALiBi, weaker from layer to layer. */
const lightning: Part = (model, h, layer) => {
  const { config, graph } = model;
  const heads = config.heads(layer);
  const per = config.headDim;
  const slope = 2 ** -(2 ** -(Math.log2(heads) - 3));
  const weaker = 1 - layer / (config.layers - 1) + 1e-5;
  const [q, k, v] = model
    .interleaved(h, layer, 'attn_qkv', heads, [per, per, per])
    .map((x) => graph.activation(x, { name: 'silu' }));
  const y = graph.linearAttention({
    q: q!,
    k: k!,
    v: v!,
    decay: Array.from({ length: heads }, (_, head) => -weaker * slope ** (head + 1)),
    beta: null,
    isDelta: false,
    heads,
    keyHeads: heads,
    keyDim: per,
    valueDim: per,
    scale: 1,
  });
  const gate = model.one(h, layer, 'attn_gate', y.features);
  const normed = model.norm(y, `blk.${layer}.attn_norm_2`);
  const out = graph.activation(gate, { name: 'sigmoid' }, { by: normed });
  return model.one(out, layer, 'attn_output', config.hidden);
};

export const minimax01: Architecture = {
  names: ['minimax-01'],
  build: (config) => {
    const isRecurrent = recurrentLayers(config, 8);
    return decoder(config, {
      mixer: attention(),
      mlp: experts(),
      normedResidual: config.number('residual_scale'),
      layer: (layer) => (isRecurrent[layer] ? { mixer: lightning } : {}),
    });
  },
};
