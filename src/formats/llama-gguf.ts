/** The Llama configuration and weights of a GGUF file, checked against each other before anything is loaded. */
import { ggufWeightName, type LlamaConfig, weightShapes } from '../../models/llama.js';
import { FormatError, ModelError } from '../core/errors.js';
import type { GgufFile, WeightInfo } from './gguf.js';

const architecture = 'llama';

/** Largest value of any dimension: ggml's own int32 limit; keeps every product exact. */
const maxDimension = 2 ** 31 - 1;

/** Reads the `llama.*` metadata. Throws FormatError for missing or impossible values, ModelError for other models. */
export function llamaConfigOf(file: GgufFile): LlamaConfig {
  const given = file.require('general.architecture', 'string');
  if (given !== architecture) {
    throw new ModelError({
      what: `${file.source.name}: metadata "general.architecture"`,
      given: `"${given}"`,
      expected: `"${architecture}"`,
      todo: 'Choose a model of the Llama architecture (Llama 2 and 3, SmolLM, TinyLlama, Yi and many more).',
    });
  }
  const experts = file.optional('llama.expert_count', 'count', 0);
  if (experts > 0) {
    throw new ModelError({
      what: `${file.source.name}: metadata "llama.expert_count"`,
      given: `${experts} experts`,
      expected: 'a dense model',
      todo: 'Mixture-of-experts models can be planned with `waferflow plan`, not run.',
    });
  }
  const positive = (key: string, fallback?: number): number => {
    const name = `llama.${key}`;
    const value =
      fallback === undefined ? file.require(name, 'count') : file.optional(name, 'count', fallback);
    if (value >= 1 && value <= maxDimension) return value;
    throw new FormatError({
      what: `${file.source.name}: metadata "${name}"`,
      given: `${value}`,
      expected: `1 to ${maxDimension}`,
      todo: 'Convert the model again with a current converter.',
    });
  };
  const hiddenSize = positive('embedding_length');
  const numAttentionHeads = positive('attention.head_count');
  const numKeyValueHeads = positive('attention.head_count_kv', numAttentionHeads);
  const headDim = positive('attention.key_length', Math.floor(hiddenSize / numAttentionHeads) || 1);
  const disagree = (given: string, expected: string): ModelError =>
    new ModelError({
      what: `${file.source.name}: attention heads`,
      given,
      expected,
      todo: 'Convert the model again with a current converter.',
    });
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    throw disagree(
      `${numAttentionHeads} heads over ${numKeyValueHeads} KV heads`,
      'a multiple of the KV heads',
    );
  }
  if (headDim % 2 !== 0) throw disagree(`heads of ${headDim}`, 'an even size, as RoPE turns pairs');
  const rotated = positive('rope.dimension_count', headDim);
  if (rotated !== headDim)
    throw disagree(`RoPE on ${rotated} of ${headDim} dimensions`, 'RoPE on whole heads');
  const vHeadDim = positive('attention.value_length', headDim);
  if (vHeadDim !== headDim) throw disagree(`values of ${vHeadDim}`, `values as long as keys, ${headDim}`);

  const embedding = file.tensors.get(ggufWeightName('model.embed_tokens.weight'));
  const rmsNormEps = file.require('llama.attention.layer_norm_rms_epsilon', 'number');
  const ropeTheta = file.optional('llama.rope.freq_base', 'number', 10000);
  if (!(rmsNormEps > 0 && rmsNormEps < 1) || !(ropeTheta > 0 && Number.isFinite(ropeTheta))) {
    throw new FormatError({
      what: `${file.source.name}: metadata`,
      given: `layer_norm_rms_epsilon ${rmsNormEps}, rope.freq_base ${ropeTheta}`,
      expected: 'an epsilon between 0 and 1 and a positive base',
      todo: 'Convert the model again with a current converter.',
    });
  }
  const numHiddenLayers = positive('block_count');
  if (numHiddenLayers > file.tensors.size) {
    throw new ModelError({
      what: `${file.source.name}: metadata "llama.block_count"`,
      given: `${numHiddenLayers} layers`,
      expected: `no more than the ${file.tensors.size} tensors of the file`,
      todo: 'The file disagrees with itself: fetch or convert it again.',
    });
  }
  return {
    hiddenSize,
    intermediateSize: positive('feed_forward_length'),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    vocabSize: positive('vocab_size', embedding?.dims[1] ?? 0),
    maxPositionEmbeddings: positive('context_length'),
    rmsNormEps,
    ropeTheta,
    ropeScaling: null,
    tieWordEmbeddings: !file.tensors.has(ggufWeightName('lm_head.weight')),
  };
}

/** How positions are stretched: by `factor` from `originalContext` on. */
export interface RopeStretch {
  readonly type: 'linear' | 'yarn';
  readonly factor: number;
  readonly originalContext: number;
}

/** The stretch that the file asks for; null for none, or if it is in the tensor of {@link ropeFactorsOf}. */
export function ropeStretchOf(file: GgufFile, config: LlamaConfig): RopeStretch | null {
  const type = file.optional('llama.rope.scaling.type', 'string', 'none');
  if (type === 'none' || type === 'llama3') return null;
  if (type !== 'linear' && type !== 'yarn') {
    throw new ModelError({
      what: `${file.source.name}: metadata "llama.rope.scaling.type"`,
      given: `"${type}"`,
      expected: '"none", "linear", "yarn" or the tensor "rope_freqs.weight"',
      todo: 'Choose a model without this RoPE scaling.',
    });
  }
  const factor = file.require('llama.rope.scaling.factor', 'number');
  const { maxPositionEmbeddings } = config;
  const original = Math.max(1, Math.round(maxPositionEmbeddings / factor));
  const originalContext = file.optional('llama.rope.scaling.original_context_length', 'number', original);
  if (factor >= 1 && Number.isFinite(factor) && originalContext >= 1)
    return { type, factor, originalContext };
  throw new FormatError({
    what: `${file.source.name}: metadata "llama.rope.scaling"`,
    given: `factor ${factor}, original_context_length ${originalContext}`,
    expected: 'both of at least 1',
    todo: 'Convert the model again with a current converter.',
  });
}

/** The RoPE stretch factors [headDim / 2] that files of Llama 3.1 and later carry as a tensor. */
export function ropeFactorsOf(file: GgufFile, config: LlamaConfig): WeightInfo | null {
  if (!file.tensors.has('rope_freqs.weight')) return null;
  const factors = file.requireWeight('rope_freqs.weight');
  checkShape(file, factors, [config.headDim / 2]);
  if (factors.type === 'F32') return factors;
  throw new FormatError({
    what: `${file.source.name}: tensor "${factors.name}"`,
    given: factors.type,
    expected: 'F32',
    todo: 'Convert the model again with a current converter.',
  });
}

/** Every weight of the model, by Hugging Face name, with types that have kernels and shapes that fit the config. */
export function llamaWeights(file: GgufFile, config: LlamaConfig): Map<string, WeightInfo> {
  const weights = new Map<string, WeightInfo>();
  for (const [name, shape] of weightShapes(config)) {
    const info = file.requireWeight(ggufWeightName(name));
    checkShape(file, info, shape);
    if (shape.length === 1 && (info.type === 'Q8_0' || info.type === 'Q4_0')) {
      throw new FormatError({
        what: `${file.source.name}: tensor "${info.name}"`,
        given: info.type,
        expected: 'F32, F16 or BF16 for a norm',
        todo: 'Convert the model again with a current converter.',
      });
    }
    weights.set(name, info);
  }
  return weights;
}

/** `shape` is row-major [out, in]; GGUF lists the fastest dimension first. */
function checkShape(file: GgufFile, info: WeightInfo, shape: readonly number[]): void {
  const expected = [...shape].reverse();
  const dims = info.dims.filter((size, i) => i < expected.length || size !== 1);
  if (dims.length === expected.length && dims.every((size, i) => size === expected[i])) return;
  throw new FormatError({
    what: `${file.source.name}: tensor "${info.name}"`,
    given: `[${info.dims.join(', ')}]`,
    expected: `[${expected.join(', ')}] from the metadata`,
    todo: 'The file disagrees with itself: fetch or convert it again.',
  });
}
