/**
 * The Llama architecture: configuration, ops and costs. GQA, RoPE (plain and Llama 3 scaling), RMSNorm, SwiGLU,
 * tied or separate output head.
 */

/** Llama 3 RoPE scaling, as in `rope_scaling` of the model's config.json. */
export interface Llama3RopeScaling {
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalMaxPositionEmbeddings: number;
}

/** The shape of a Llama model, in Hugging Face's names. */
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
