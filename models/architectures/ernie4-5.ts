/** ERNIE 4.5: Llama; in the larger models every so many layers have experts, and the layers between no MLP of their own. */
import type { Architecture } from '../architecture.js';
import { attention, bare, decoder, gated } from '../decoder.js';
import { sparse } from '../experts.js';

export const ernie: Architecture = {
  names: ['ernie4_5', 'ernie4_5-moe'],
  build: (config) => {
    const step = config.count('interleave_moe_layer_step', 0) || 1;
    const between = config.count('leading_dense_block_count', 0);
    return decoder(config, {
      mixer: attention({ order: 'pairs', unbiased: ['output'] }),
      mlp: sparse(),
      layer: (layer) =>
        layer < between || (layer + 1) % step === 0
          ? {}
          : { mlp: config.has(`blk.${layer}.ffn_up.weight`) ? gated('silu') : bare('silu') },
    });
  },
  // Biases of the output product play no part, nor do experts between those layers.
  ignored: [/attn_output\.bias$/],
  unread: [/(_exps|_shexp|ffn_gate_inp)\.weight$/, /exp_probs_b/],
};
