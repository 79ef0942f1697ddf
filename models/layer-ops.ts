/**
 * From the parts that a config.json states to ops, by the builders that architectures are made of: a model of one such
 * layer, described as a file would, without weights.
 */
import { Config, type ModelFile } from './config.js';
import { attention, decoder, gated, type Part, plain, type Style } from './decoder.js';
import { deltaNet } from './delta-net.js';
import { chosen } from './experts.js';
import { kda } from './kda.js';
import type {
  Attention,
  DenseMlp,
  GqaAttention,
  LayerParts,
  MlaAttention,
  ModelParts,
  MoeMlp,
  StateMixer,
} from './layer-parts.js';
import { latentAttention } from './mla.js';
import type { Op } from './op.js';
import { mamba, mamba2, shortConv } from './states.js';

/** What a part adds to the description: its builder, its keys, and which tensors there are. */
interface Described {
  readonly part: Part | null;
  readonly keys: Readonly<Record<string, number>>;
  readonly has: readonly (RegExp | false)[];
}

/** The ops of a model whose only layer has these parts. */
export function opsOfParts(parts: LayerParts, model: ModelParts): readonly Op[] {
  const mixer =
    'numAttentionHeads' in parts.mixer ? attentionOf(parts.mixer, parts.window) : stateOf(parts.mixer);
  const mlp = parts.mlp.kind === 'moe' ? expertsOf(parts.mlp) : denseOf(parts.mlp);
  const { hiddenSize, vocabSize, normsPerLayer, normBias } = model;
  const has = [
    ...mixer.has,
    ...mlp.has,
    normBias && /norm\.bias$/,
    model.headBias && /^output\.bias$/,
    !model.tieWordEmbeddings && /^output\.weight$/,
  ];
  const keys: Readonly<Record<string, number>> = {
    block_count: 1,
    embedding_length: hiddenSize,
    context_length: model.maxPositionEmbeddings,
    vocab_size: vocabSize,
    'attention.head_count': 1,
    'attention.layer_norm_rms_epsilon': 1e-5,
    'attention.layer_norm_epsilon': 1e-5,
    ...mixer.keys,
    ...mlp.keys,
  };
  const file: ModelFile = {
    name: 'card',
    value: (key) => (key === 'general.architecture' ? 'card' : keys[key.replace(/^card\./, '')]),
    shape: (tensor) => {
      // A norm over all heads is told from one of each by its size.
      if (/attn_[qk]_norm\.weight/.test(tensor) && 'qkNorm' in parts.mixer && parts.mixer.qkNorm === 'full')
        return [qkSize(parts.mixer, tensor)];
      return has.some((pattern) => pattern !== false && pattern.test(tensor)) ? [] : null;
    },
    tensorCount: 1,
  };
  const style: Style = {
    norm: normBias ? 'layer' : 'rms',
    isNormBare: normsPerLayer === 0,
    hasPositions: model.learnedPositions,
    mixer: mixer.part,
    mlp: mlp.part,
    ...(normsPerLayer === 1 && { parallel: { ownNorm: false } }),
    ...(normsPerLayer === 4 && { norms: { after: 'post_attention_norm', mlpAfter: 'post_ffw_norm' } }),
  };
  return decoder(new Config(file), style).graph.ops;
}

function qkSize(a: GqaAttention, tensor: string): number {
  return (tensor.includes('attn_q') ? a.numAttentionHeads : a.numKeyValueHeads) * a.headDim;
}

function attentionOf(a: Attention, window: number | null): Described {
  const sees = window === null ? null : ({ kind: 'sliding', size: window } as const);
  if (a.kind === 'mla') return latentOf(a, sees);
  const { numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim } = a;
  // A block without attention has no heads, and so no weights and no cache.
  if (heads === 0) return NOTHING;
  const style = {
    // Where every dimension turns, there is an even number of them.
    ...(headDim % 2 === 1 && { rope: null }),
    qkNorm: a.qkNorm === 'none' ? null : ('before rope' as const),
    hasQueryGate: a.outputGate === true,
    hasSinks: a.sinks,
    window: sees,
    isKeyValue: a.keyIsValue === true,
  };
  return {
    part: attention(style),
    keys: {
      'attention.head_count': heads,
      'attention.head_count_kv': kvHeads,
      'attention.key_length': headDim,
      'attention.value_length': a.valueHeadDim ?? headDim,
    },
    has: [a.qkvBias && /attn_[qkv]\.bias/, a.outputBias && /attn_output\.bias/],
  };
}

function latentOf(a: MlaAttention, window: { kind: 'sliding'; size: number } | null): Described {
  const part = latentAttention(({ config }) => ({
    rope: config.rope(),
    window,
    ...(a.outputGate && { gate: 'sigmoid' as const }),
    ...(a.indexer && { indexer: { ...a.indexer, top: a.indexer.topK } }),
  }));
  return {
    part,
    keys: {
      'attention.head_count': a.numAttentionHeads,
      'attention.kv_lora_rank': a.kvLoraRank,
      'attention.key_length_mla': a.qkNopeHeadDim + a.qkRopeHeadDim,
      'attention.value_length_mla': a.vHeadDim,
      'rope.dimension_count': a.qkRopeHeadDim,
      ...(a.qLoraRank !== null && { 'attention.q_lora_rank': a.qLoraRank }),
    },
    has: [/attn_k_b\.weight/, a.qLoraRank !== null && /attn_q_a\.weight/, /indexer\.k_norm\.bias/],
  };
}

const NOTHING: Described = { part: null, keys: {}, has: [] };

const STATES: Readonly<Record<StateMixer['kind'], Part | null>> = {
  none: null,
  conv: shortConv,
  mamba: mamba(),
  mamba2,
  kda: kda(),
  delta: deltaNet((model, h, layer, { heads, keys, values }) => {
    const parts = { attn_qkv: 2 * keys + values, attn_gate: values, ssm_beta: heads, ssm_alpha: heads };
    const [qkv, z, beta, alpha] = model.linear(h, layer, parts);
    return { qkv: qkv!, z: z!, beta: beta!, alpha: alpha! };
  }, false),
};

function stateOf({ kind, keys, has }: StateMixer): Described {
  return {
    part: STATES[kind],
    keys,
    has: [/ssm_[fg]_b\.weight|ssm_dt\.bias|ssm_norm\.weight/, has ?? false],
  };
}

const MLP_BIAS = /ffn_(gate|up|down)(_exps)?\.bias/;

function denseOf({ intermediateSize, gated: isGated, bias }: DenseMlp): Described {
  if (intermediateSize === 0) return NOTHING;
  return {
    part: isGated ? gated('silu') : plain('gelu'),
    keys: { feed_forward_length: intermediateSize },
    has: [/ffn_gate\.weight/, bias && MLP_BIAS],
  };
}

function expertsOf(moe: MoeMlp): Described {
  const shared = moe.sharedIntermediateSize;
  const beside = moe.gated ? gated('silu', '_shexp', shared) : plain('squaredRelu', '_shexp', shared);
  const part: Part = (model, h, layer) => {
    const { graph } = model;
    const [logits, weight] = model.linear(h, layer, {
      ffn_gate_inp: moe.numExperts,
      ...(moe.sharedGate && { ffn_gate_inp_shexp: 1 }),
    });
    const through = (x: typeof h, stem: string, features: number): typeof h =>
      moe.latentSize === undefined ? x : model.one(x, layer, stem, features);
    const inner = through(h, 'ffn_latent_down', moe.latentSize ?? 0);
    const mixed = chosen(model, inner, logits!, layer, { act: moe.gated ? 'silu' : 'squaredRelu' });
    const routed = through(mixed, 'ffn_latent_up', h.features);
    if (shared === 0) return routed;
    const all = beside(model, h, layer);
    return graph.add(routed, weight ? graph.activation(weight, { name: 'sigmoid' }, { by: all }) : all);
  };
  return {
    part,
    keys: {
      expert_count: moe.numExperts,
      expert_used_count: moe.numExpertsPerTok,
      expert_feed_forward_length: moe.moeIntermediateSize,
    },
    has: [
      moe.gated && /ffn_gate_(exps|shexp)\.weight/,
      /ffn_up_exps\.weight/,
      moe.routerBias && /exp_probs_b\.bias/,
      moe.bias && MLP_BIAS,
    ],
  };
}
