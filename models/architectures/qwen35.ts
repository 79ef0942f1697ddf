/** Qwen 3.5 and Qwen 3 Next: most layers are gated delta nets, the others attend with a gate on every head's result. */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { attention, type Decoder, decoder, gated, type Part } from '../decoder.js';
import { deltaNet, recurrentLayers } from '../delta-net.js';
import { experts } from '../experts.js';

const build = (config: Config, mixer: Part, mlp: Part): Decoder => {
  const isRecurrent = recurrentLayers(config);
  return decoder(config, {
    mixer: attention({ qkNorm: 'before rope', hasQueryGate: true }),
    mlp,
    norms: { mlpBefore: 'post_attention_norm' },
    layer: (layer) => (isRecurrent[layer] ? { mixer } : {}),
  });
};

const mixer = deltaNet((model, h, layer, { heads, keys, values }) => {
  const parts = { attn_qkv: 2 * keys + values, attn_gate: values, ssm_beta: heads, ssm_alpha: heads };
  const [qkv, z, beta, alpha] = model.linear(h, layer, parts);
  return { qkv: qkv!, z: z!, beta: beta!, alpha: alpha! };
}, true);

/** Beta and alpha lie together by key head; in older files so do queries, keys, values and gates. */
const nextMixer = deltaNet((model, h, layer, { keyHeads, heads, keyDim, valueDim, keys, values }) => {
  const per = heads / keyHeads;
  const [beta, alpha] = model.interleaved(h, layer, 'ssm_ba', keyHeads, [per, per]);
  if (model.has(layer, 'attn_qkv')) {
    const [qkv, z] = model.linear(h, layer, { attn_qkv: 2 * keys + values, attn_gate: values });
    return { qkv: qkv!, z: z!, beta: beta!, alpha: alpha! };
  }
  const sizes = [keyDim, keyDim, per * valueDim, per * valueDim];
  const [q, k, v, z] = model.interleaved(h, layer, 'ssm_in', keyHeads, sizes);
  const qkv = model.graph.arrange(1, [{ in: q! }, { in: k! }, { in: v! }]);
  return { qkv, z: z!, beta: beta!, alpha: alpha! };
}, false);

export const qwen35s: readonly Architecture[] = [
  { names: ['qwen35'], build: (config) => build(config, mixer, gated('silu')) },
  { names: ['qwen35moe'], build: (config) => build(config, mixer, experts()) },
  {
    names: ['qwen3next'],
    build: (config) => build(config, nextMixer, experts()),
    // Beside the newer tensors.
    ignored: [/\.ssm_in\.weight$/],
  },
];
