/** What serving on GPUs costs beside peaks: one table for all GPUs and models, fitted once, with its sources. */
import type { Constant } from '../../core/provenance.js';

export type EngineName = 'trtllm' | 'vllm' | 'sglang';

export const ENGINE_NAMES: readonly EngineName[] = ['trtllm', 'vllm', 'sglang'];

const ROWS =
  'fitted to 686 public serving measurements (ai-dynamo/aiconfigurator and InferenceX: Llama-3.1-8B and 70B, gpt-oss-120b on H100, H200, B200)';
const fitted = (value: number): Constant => ({ value, tag: 'fitted', source: ROWS });

/** The constants of the GPU model, each with a physical reading. */
export const GPU_CONSTANTS = {
  /** A kernel other than a matrix product (norm, RoPE, activation, routing), launched from a graph. */
  kernelUs: fitted(1.9),
  /** Share of a matrix product's fixed cost that is left when kernels overlap in a graph. */
  gemmStartShare: fitted(0.88),
  /** Share of the memory bandwidth that reading the KV cache reaches. */
  kvShare: fitted(0.85),
  /** Share of the 16-bit peak that prefill attention reaches. */
  attentionShare: {
    value: 0.6,
    tag: 'published',
    source: 'FlashAttention-3 (arXiv:2407.08608): 0.5 to 0.75 of the peak for causal prompts',
  } as Constant,
  /** Times that a token's hidden vector is moved per layer outside of matrix products. */
  elementwisePasses: fitted(19),
  /** Bandwidth of grouped expert products against plain ones. */
  expertBandwidthShare: fitted(0.9),
  /** Share of a batch's tokens that would reach as many experts if routing were even: how uneven it is. */
  routingSpread: fitted(0.6),
  /** Between two steps: scheduler, sampling, copying tokens out. */
  stepUs: { trtllm: fitted(400), vllm: fitted(1080), sglang: fitted(300) },
  /** Per sequence in the step: sampling, detokenising, streaming. */
  sequenceUs: fitted(8.8),
  /** A request's way from the client to the scheduler and its first token's way back. */
  requestMs: { trtllm: fitted(32), vllm: fitted(23), sglang: fitted(100) },
  /** What every user adds to that on a busy server: tokenising, HTTP, streaming share the host's cores. */
  requestPerUserMs: { trtllm: fitted(0.01), vllm: fitted(0.19), sglang: fitted(1.2) },
  /** Prompt tokens that one step takes at most: the budget of chunked prefill. */
  chunkTokens: {
    value: 8192,
    tag: 'published',
    source: 'max_num_batched_tokens of the public InferenceX server configurations',
  } as Constant,
  /** Bytes of every GPU that neither weights nor cache have: context, graphs, workspaces of libraries and exchange. */
  reserveBytes: {
    value: 1.4e9,
    tag: 'fitted',
    source: 'KV sizes that vLLM logs for Llama-70B w8a8 on one H100 (22,096 tokens at 0.98)',
  } as Constant,
  /** Copies of what a step's tokens take into all their experts, that grouped products keep at once. */
  expertCopies: {
    value: 13,
    tag: 'fitted',
    source: 'the KV size that vLLM logs for Qwen3-235B-A22B FP8 on four H100 (178,880 tokens at 0.9)',
  } as Constant,
  /** Share of the memory that weights and KV cache may use. */
  memoryShare: {
    value: 0.9,
    tag: 'published',
    source: 'gpu_memory_utilization default of vLLM',
  } as Constant,
} as const;

type Plain<T> = T extends Constant ? number : { readonly [K in keyof T]: Plain<T[K]> };
export type GpuConstants = Plain<typeof GPU_CONSTANTS>;

function plain<T>(table: T): Plain<T> {
  if (typeof table === 'object' && table !== null && 'value' in table) return table.value as Plain<T>;
  const entries = Object.entries(table as object).map(([key, entry]) => [key, plain(entry)]);
  return Object.fromEntries(entries) as Plain<T>;
}

/** The values alone, for arithmetic. */
export const gpuConstants: GpuConstants = plain(GPU_CONSTANTS);
