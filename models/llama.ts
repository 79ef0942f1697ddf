/**
 * The Llama architecture, from configuration to ops: GQA (MHA to MQA), RoPE (plain and Llama 3 scaling), RMSNorm,
 * SwiGLU, tied or separate output head. The ops are data; placement says where they run, the runtime and the
 * fabric run them. Names are Hugging Face's.
 */

/** Llama 3 RoPE scaling, as `rope_scaling` in the model's config.json. */
export interface Llama3RopeScaling {
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalMaxPositionEmbeddings: number;
}

export interface LlamaConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling: Llama3RopeScaling | null;
  readonly tieWordEmbeddings: boolean;
}

/** Which matrices a matmul op multiplies with; `qkv` and `gateUp` share one input. */
export type MatmulName = 'qkv' | 'o' | 'gateUp' | 'down' | 'lmHead';
export type NormName = 'inputLayernorm' | 'postAttentionLayernorm' | 'norm';

/** x [hidden] = W[token]. */
export interface EmbeddingOp {
  readonly kind: 'embedding';
  readonly weight: string;
}

/** h = x / rms(x) * weight. */
export interface NormOp {
  readonly kind: 'rmsnorm';
  readonly name: NormName;
  readonly layer: number;
  readonly weight: string;
}

/**
 * y = W h. What y becomes follows from the name: q, k, v; x += o; silu(gate) * up; x += down; logits.
 */
export interface MatmulOp {
  readonly kind: 'matmul';
  readonly name: MatmulName;
  readonly layer: number;
  readonly weights: readonly string[];
  /** Output features of each weight. */
  readonly outFeatures: readonly number[];
  readonly inFeatures: number;
}

/** RoPE on q and k, k and v into the cache, out = softmax(q K^T / sqrt(headDim)) V. */
export interface AttentionOp {
  readonly kind: 'attention';
  readonly layer: number;
}

export type LlamaOp = EmbeddingOp | NormOp | MatmulOp | AttentionOp;

/**
 * The ops of one pass in order. A decode step gives it one token of each sequence, prefill a chunk of a prompt; the
 * head runs on those tokens only whose logits are wanted. Where the two are placed is placement's matter.
 */
export function forward(config: LlamaConfig): LlamaOp[] {
  return [embedding(), ...layers(config), ...head(config)];
}

function embedding(): LlamaOp {
  return { kind: 'embedding', weight: 'model.embed_tokens.weight' };
}

function layers(config: LlamaConfig): LlamaOp[] {
  const { hiddenSize: hidden, intermediateSize: ffn, headDim } = config;
  const q = config.numAttentionHeads * headDim;
  const kv = config.numKeyValueHeads * headDim;
  return Array.from({ length: config.numHiddenLayers }, (_, layer): LlamaOp[] => {
    const at = `model.layers.${layer}`;
    const attn = (name: string) => `${at}.self_attn.${name}_proj.weight`;
    const mlp = (name: string) => `${at}.mlp.${name}_proj.weight`;
    const matmul = (
      name: MatmulName,
      weights: readonly string[],
      outFeatures: readonly number[],
      inFeatures: number,
    ): LlamaOp => ({ kind: 'matmul', name, layer, weights, outFeatures, inFeatures });
    return [
      { kind: 'rmsnorm', name: 'inputLayernorm', layer, weight: `${at}.input_layernorm.weight` },
      matmul('qkv', ['q', 'k', 'v'].map(attn), [q, kv, kv], hidden),
      { kind: 'attention', layer },
      matmul('o', [attn('o')], [hidden], q),
      {
        kind: 'rmsnorm',
        name: 'postAttentionLayernorm',
        layer,
        weight: `${at}.post_attention_layernorm.weight`,
      },
      matmul('gateUp', ['gate', 'up'].map(mlp), [ffn, ffn], hidden),
      matmul('down', [mlp('down')], [hidden], ffn),
    ];
  }).flat();
}

function head(config: LlamaConfig): LlamaOp[] {
  const layer = config.numHiddenLayers;
  const weight = config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  return [
    { kind: 'rmsnorm', name: 'norm', layer, weight: 'model.norm.weight' },
    {
      kind: 'matmul',
      name: 'lmHead',
      layer,
      weights: [weight],
      outFeatures: [config.vocabSize],
      inFeatures: config.hiddenSize,
    },
  ];
}

/** Every weight of the model with its shape [out, in] or [features], each once. */
export function weightShapes(config: LlamaConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const op of forward(config)) {
    if (op.kind === 'embedding') shapes.set(op.weight, [config.vocabSize, config.hiddenSize]);
    if (op.kind === 'rmsnorm') shapes.set(op.weight, [config.hiddenSize]);
    if (op.kind === 'matmul') {
      op.weights.forEach((weight, i) => {
        shapes.set(weight, [op.outFeatures[i]!, op.inFeatures]);
      });
    }
  }
  return shapes;
}

/** Parameters of the model; a tied head counts once. */
export function parameterCount(config: LlamaConfig): number {
  let count = 0;
  for (const shape of weightShapes(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** Bytes that one token takes in the KV cache with values of `valueBytes`. */
export function kvBytesPerToken(config: LlamaConfig, valueBytes: number): number {
  return 2 * config.numHiddenLayers * config.numKeyValueHeads * config.headDim * valueBytes;
}

/**
 * Multiply-adds times two for one token that attends to `context` positions: 2 per matmul weight, and per layer
 * 2 * heads * headDim * context for q.k and the same for the weighted sum of v.
 */
export function decodeFlops(config: LlamaConfig, context: number): number {
  let weights = 0;
  for (const op of forward(config)) {
    if (op.kind === 'matmul') weights += op.inFeatures * op.outFeatures.reduce((a, b) => a + b, 0);
  }
  const attention = 2 * config.numHiddenLayers * config.numAttentionHeads * config.headDim * context;
  return 2 * (weights + attention);
}

const ggufLayerNames: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
};

const ggufModelNames: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** The name in GGUF files of a weight, e.g. `model.layers.0.self_attn.q_proj.weight` -> `blk.0.attn_q.weight`. */
export function ggufWeightName(name: string): string {
  const stem = name.replace(/\.weight$/, '');
  const layer = /^model\.layers\.(\d+)\.(.+)$/.exec(stem);
  const mapped = layer ? ggufLayerNames[layer[2]!] : ggufModelNames[stem];
  if (mapped === undefined) throw new Error(`no GGUF name for ${name}`);
  return layer ? `blk.${layer[1]}.${mapped}.weight` : `${mapped}.weight`;
}
