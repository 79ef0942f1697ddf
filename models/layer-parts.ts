/** The parts of a layer as a config.json states them, before they become ops. */

/** Multi-head, grouped-query or multi-query attention. */
export interface GqaAttention {
  readonly kind: 'gqa';
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  /** RMSNorm of q and k: one weight vector of headDim for all heads, or one over all heads. */
  readonly qkNorm: 'none' | 'perHead' | 'full';
  /** Of a value; absent: as of a key. */
  readonly valueHeadDim?: number;
  /** Values are keys: one projection and one cache for both (Gemma 4). */
  readonly keyIsValue?: boolean;
  /** A scorer picks so many tokens that are attended to; its weights are few and not counted. */
  readonly topK?: number;
  /** The query's projection also makes a gate on the output (Qwen3-Next). */
  readonly outputGate?: boolean;
  /** A learned attention sink per head (gpt-oss). */
  readonly sinks: boolean;
}

/** Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): one latent vector per token is cached. */
export interface MlaAttention {
  readonly kind: 'mla';
  readonly numAttentionHeads: number;
  /** Null: q is projected directly. */
  readonly qLoraRank: number | null;
  readonly kvLoraRank: number;
  readonly qkNopeHeadDim: number;
  readonly qkRopeHeadDim: number;
  readonly vHeadDim: number;
  /** A gate on the output of every head (Kimi K3). */
  readonly outputGate?: boolean;
  /** DeepSeek sparse attention: a small scorer picks the `topK` tokens that are attended to. */
  readonly indexer: { readonly heads: number; readonly headDim: number; readonly topK: number } | null;
}

export type Attention = GqaAttention | MlaAttention;

/** `gated` has three matrices (gate, up, down), otherwise two. */
export interface DenseMlp {
  readonly kind: 'dense';
  /** 0: no MLP. */
  readonly intermediateSize: number;
  readonly gated: boolean;
  readonly bias: boolean;
}

export interface MoeMlp {
  readonly kind: 'moe';
  readonly numExperts: number;
  readonly numExpertsPerTok: number;
  readonly moeIntermediateSize: number;
  /** Width of the experts that every token takes; 0: none. */
  readonly sharedIntermediateSize: number;
  /** A learned gate on the shared expert (Qwen2-MoE). */
  readonly sharedGate: boolean;
  readonly gated: boolean;
  readonly bias: boolean;
  /** A number per expert: for the choice alone, or added to the logits. */
  readonly routerBias: boolean;
  /** Width that tokens are brought down to before the routed experts, and up from after; absent: none. */
  readonly latentSize?: number;
}

/**
 * What mixes tokens without a cache that grows: linear attention, state-space models, short convolutions; `none` for a
 * block that mixes nothing. `keys` are its sizes by the names of GGUF metadata.
 */
export interface StateMixer {
  readonly kind: 'delta' | 'kda' | 'mamba' | 'mamba2' | 'conv' | 'none';
  readonly keys: Readonly<Record<string, number>>;
  /** Tensors that it has beside those that all of its kind have. */
  readonly has?: RegExp;
}

/** What distinguishes the layers of one model from one another. */
export interface LayerParts {
  readonly mixer: Attention | StateMixer;
  /** Tokens that a query sees; null: all. */
  readonly window: number | null;
  readonly mlp: DenseMlp | MoeMlp;
}

/** What all layers of a model have in common. */
export interface ModelParts {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly tieWordEmbeddings: boolean;
  readonly normsPerLayer: number;
  readonly normBias: boolean;
  readonly headBias: boolean;
  readonly learnedPositions: boolean;
}
