/** Qwen 3.5: three layers of four are gated delta nets, the fourth attends with a gate on every head's result. */
import type { Architecture } from '../architecture.js';
import { attention, decoder, gated } from '../decoder.js';
import { deltaNet, recurrentLayers } from '../delta-net.js';

const mixer = deltaNet((model, h, layer, { heads, keys, values }) => {
  const parts = { attn_qkv: 2 * keys + values, attn_gate: values, ssm_beta: heads, ssm_alpha: heads };
  const [qkv, z, beta, alpha] = model.linear(h, layer, parts);
  return { qkv: qkv!, z: z!, beta: beta!, alpha: alpha! };
}, true);

export const qwen35: Architecture = {
  names: ['qwen35'],
  build: (config) => {
    const isRecurrent = recurrentLayers(config);
    return decoder(config, {
      mixer: attention({ qkNorm: 'before rope', hasQueryGate: true }),
      mlp: gated('silu'),
      norms: { mlpBefore: 'post_attention_norm' },
      layer: (layer) => (isRecurrent[layer] ? { mixer } : {}),
    });
  },
};
