/**
 * Kimi K3: as Kimi Linear, with bounded decays, gated latent attention and experts in a narrower space. Every so many layers
 * the hidden vector is kept and begun anew; what a layer reads is a weighed mean of all that were kept and the newest.
 */
import type { Architecture } from '../architecture.js';
import type { Config } from '../config.js';
import { type Body, type Decoder, decoder, gated, type Part } from '../decoder.js';
import { chosen, routing } from '../experts.js';
import { kda } from '../kda.js';
import { latentAttention } from '../mla.js';
import type { Value, WeightRef } from '../op.js';

/** The MLP, or experts in a narrower space beside one that all tokens share. */
const mlpOf = (config: Config): Part => {
  const act = {
    name: 'situ',
    beta: config.number('activation.situ_beta'),
    linearBeta: config.number('activation.situ_linear_beta'),
  } as const;
  return (model, h, layer) => {
    if (!model.has(layer, 'ffn_gate_inp')) return gated(act)(model, h, layer);
    const isNarrow = model.has(layer, 'ffn_routed_down');
    const inner = isNarrow
      ? model.one(h, layer, 'ffn_routed_down', config.positive('expert_latent_length'))
      : h;
    const logits = model.one(h, layer, 'ffn_gate_inp', config.positive('expert_count'));
    let out = chosen(model, inner, logits, layer, { ...routing(config), act });
    if (model.has(layer, 'ffn_routed_norm')) out = model.normOf(out, layer, 'ffn_routed_norm');
    if (isNarrow) out = model.one(out, layer, 'ffn_routed_up', config.hidden);
    if (!model.has(layer, 'ffn_gate_shexp')) return out;
    return model.graph.add(out, gated(act, '_shexp', config.sharedFfn(layer))(model, h, layer));
  };
};

/** The mean of the vectors by the softmax of the scores that one row gives to each when it is normed. */
function meanOf(model: Decoder, vectors: readonly Value[], row: WeightRef): Value {
  const { graph } = model;
  const streams = vectors.length;
  if (streams === 1) return vectors[0]!;
  const scores = vectors.map((x) => graph.linear(model.bareNorm(x), [row])[0]!);
  const weights = graph.weighStreams(
    graph.arrange(
      1,
      scores.map((score) => ({ in: score })),
    ),
    {
      streams,
      isSoftmax: true,
      scale: null,
      base: null,
      eps: 0,
      magnitude: 0,
      writeEps: 0,
      iterations: 0,
    },
  );
  return graph.mix(
    graph.arrange(
      1,
      vectors.map((x) => ({ in: x })),
    ),
    { top: streams, weights, first: 0 },
  );
}

const bodyOf = (config: Config): Body => {
  const every = config.count('attn_res.block_size', 0);
  const [attend, mlp] = [latentAttention(() => ({ rope: null, gate: 'sigmoid' })), mlpOf(config)];
  return (model, embedded) => {
    const kept: Value[] = [];
    let x = embedded;
    const mean = (name: string): Value =>
      every === 0 ? x : meanOf(model, [...kept, x], { name, shape: [1, config.hidden] });
    for (let layer = 0; layer < config.layers; layer++) {
      const read = mean(`blk.${layer}.attn_res_score.weight`);
      const isKept = every > 0 && layer % every === 0;
      if (isKept) kept.push(x);
      const mixer = config.kvHeads(layer) === 0 ? kda() : attend;
      const mixed = mixer(model, model.normOf(read, layer, 'attn_norm'), layer);
      x = isKept ? mixed : model.graph.add(x, mixed);
      const again = mean(`blk.${layer}.ffn_res_score.weight`);
      x = model.graph.add(x, mlp(model, model.normOf(again, layer, 'ffn_norm'), layer));
    }
    return mean('output_res_score.weight');
  };
};

export const kimiK3: Architecture = {
  names: ['kimi-k3'],
  build: (config) => decoder(config, { mixer: null, mlp: null }, bodyOf(config)),
  // Files may carry biases that the reference does not read; nothing is kept before the first layer.
  ignored: [/\.attn_[qkv]\.bias$/],
  unread: [/^blk\.0\.attn_res_score\.weight$/],
};
