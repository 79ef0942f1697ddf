/** A model served by a group of GPUs: memory, batch, and what one user sees when N of them keep it busy. */
import {
  attentionOf,
  countParameters,
  factsOf,
  hasExperts,
  headsOf,
  kvBytes,
  kvBytesPerToken,
  type ModelCard,
} from '../../../models/card.js';
import { storedBits } from '../../../models/card-bits.js';
import { ModelError, OptionError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { steadyState } from '../closed-loop.js';
import { type Draft, draftYield, type StepCost, type Workload } from '../cost.js';
import type { GpuConstants } from './constants.js';
import { type GpuNumbers, type GpuSetup, gpuStep } from './step.js';

export interface GpuServing {
  readonly ttftMs: number;
  readonly tpotMs: number;
  /** Sequences that the KV memory admits at once. */
  readonly maxUsers: number;
  readonly weightBytesPerGpu: number;
  readonly kvBytesPerUser: number;
  readonly kvTokens: number;
  readonly decode: StepCost;
  readonly prefill: StepCost;
}

/** Bytes of weights on the GPU that holds most of them. */
export function gpuWeightBytes(card: ModelCard, setup: GpuSetup): number {
  const p = countParameters(card);
  const bits = storedBits(card, setup.weightBits);
  const experts = (p.experts * bits.experts) / (setup.expertTensorParallel * setup.expertParallel);
  const rest = p.attention * bits.attention + p.mlp * bits.mlp + (p.embedding + p.head) * bits.head;
  return (experts + rest / setup.tensorParallel + p.vectors * 16) / 8;
}

/** Checks that the cuts divide what they cut. */
function checkSetup(card: ModelCard, setup: GpuSetup): void {
  const { tensorParallel, expertTensorParallel, expertParallel } = setup;
  const heads = headsOf(card);
  if (heads % tensorParallel !== 0) {
    throw new OptionError({
      what: 'tensor parallelism',
      given: `${tensorParallel} GPUs for ${heads} attention heads`,
      expected: `a divisor of ${heads}`,
      todo: 'Pass another --tp.',
    });
  }
  if (hasExperts(card) && expertTensorParallel * expertParallel !== tensorParallel * setup.dataParallel) {
    throw new OptionError({
      what: 'expert parallelism',
      given: `${expertTensorParallel} x ${expertParallel} GPUs for experts beside ${tensorParallel * setup.dataParallel} for attention`,
      expected: 'the same number of GPUs',
      todo: 'Choose the two so that their product is the tensor parallelism.',
    });
  }
}

/** Copies of a hidden vector and of an MLP's width that are alive at once in a step. */
const HIDDEN_COPIES = 4;
const WIDTH_COPIES = 3;

/** Bytes of one GPU that an engine keeps beside weights and cache: activations of the largest step, and what is fixed. */
export function gpuReserveBytes(card: ModelCard, setup: GpuSetup, c: GpuConstants): number {
  let widest = 0;
  for (const { ops } of card.kinds) {
    const { experts, mlpWidth } = factsOf(ops);
    const width = experts
      ? c.expertCopies * experts.top * card.hiddenSize
      : (WIDTH_COPIES * mlpWidth) / setup.tensorParallel;
    widest = Math.max(widest, width);
  }
  const tokens = Math.min(c.chunkTokens, card.maxPositionEmbeddings);
  return c.reserveBytes + tokens * 2 * (HIDDEN_COPIES * card.hiddenSize + widest);
}

/** Bytes that the KV cache may use on one GPU. */
function freeBytes(card: ModelCard, gpu: GpuNumbers, setup: GpuSetup, c: GpuConstants): number {
  const taken = gpuWeightBytes(card, setup) + gpuReserveBytes(card, setup, c);
  // TensorRT-LLM takes its share of what the rest leaves (free_gpu_memory_fraction), the others of the whole.
  if (setup.engine === 'trtllm') return (gpu.memoryBytes - taken) * c.memoryShare;
  return gpu.memoryBytes * c.memoryShare - taken;
}

/**
 * Solves the steady state of a workload. `requestsPerUser` is the length of a benchmark that begins with all
 * users at once: that burst is one of so many requests; Infinity leaves it out.
 *
 * @throws ModelError when the weights or one sequence do not fit
 */
export function gpuServing(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  workload: Workload,
  requestsPerUser: number,
  c: GpuConstants,
  draft: Draft | null = null,
): GpuServing {
  checkSetup(card, setup);
  const { promptTokens, outputTokens, concurrency } = workload;
  const free = freeBytes(card, gpu, setup, c);
  // A latent cache is one vector for all heads: every GPU of the group keeps all of it.
  const kvCut = Math.min(setup.tensorParallel, attentionOf(card)?.kvHeads ?? headsOf(card));
  const kvAt = (tokens: number): number => kvBytes(card, tokens, setup.kvBits / 8) / kvCut;
  // TensorRT-LLM reserves the cache of the whole answer on admission, the others fill it as they go.
  const reserved = setup.engine === 'trtllm' ? outputTokens : outputTokens / 2;
  const perUser = kvAt(promptTokens + reserved);
  if (free < kvAt(promptTokens + outputTokens))
    throw doesNotFit(card, gpu, setup, c, kvAt(promptTokens + outputTokens));
  const maxUsers = Math.floor(free / perUser) * setup.dataParallel;
  const admitted = Math.min(concurrency, maxUsers, setup.slots);

  const perToken = kvBytesPerToken(card, setup.kvBits / 8);

  const context = promptTokens + outputTokens / 2;
  const chunk = Math.min(promptTokens, c.chunkTokens);
  const chunks = promptTokens / chunk;
  const step = (decodeSequences: number, prefillTokens: number): StepCost =>
    gpuStep(
      card,
      gpu,
      setup,
      {
        decodeSequences,
        tokensPerSequence: draft && decodeSequences > 0 ? draft.length + 1 : 1,
        decodeContext: context,
        prefillTokens,
        promptTokens,
        promptsDone: prefillTokens / promptTokens,
      },
      c,
    );
  const steps = Math.max(1, outputTokens - 1);

  const check = step(admitted, 0);
  const mixed = step(admitted, chunk).seconds;
  const stall = mixed - check.seconds;
  const decode = draft
    ? (check.seconds * (1 + draft.length * draft.costShare)) / draftYield(draft)
    : check.seconds;
  const state = steadyState(admitted, steps, {
    decode,
    stall,
    furtherStall: step(admitted, 2 * chunk).seconds - mixed,
    chunks,
    // Waiting prompts share steps up to the token budget, so a prompt pays for its part of a step.
    service: stall * chunks + (decode * promptTokens) / Math.max(c.chunkTokens, promptTokens),
    own: mixed * chunks,
  });
  const burstService = step(0, chunk).seconds * chunks;
  const burst = (burstService * (admitted - 1)) / 2;
  const admission = ((concurrency - admitted) / admitted) * state.lifetimeSeconds;
  const request = (c.requestMs[setup.engine] + c.requestPerUserMs[setup.engine] * (concurrency - 1)) * 1e-3;
  const ttft = request + state.firstSeconds + burst / requestsPerUser + admission;
  return {
    ttftMs: ttft * 1e3,
    tpotMs: state.tokenSeconds * 1e3,
    maxUsers,
    weightBytesPerGpu: gpuWeightBytes(card, setup),
    kvBytesPerUser: kvAt(promptTokens + outputTokens) * kvCut,
    kvTokens: Math.floor(
      (perToken > 0 ? (free / perToken) * kvCut : (free / perUser) * (promptTokens + outputTokens)) *
        setup.dataParallel,
    ),
    decode: check,
    prefill: step(0, chunk),
  };
}

function doesNotFit(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  c: GpuConstants,
  kv: number,
): ModelError {
  const reserve = gpuReserveBytes(card, setup, c);
  const need = gpuWeightBytes(card, setup) + kv;
  const have = gpu.memoryBytes * c.memoryShare - reserve;
  const cut = Math.ceil((need * setup.tensorParallel) / Math.max(1, have));
  return new ModelError({
    what: `${card.name} with ${setup.weightBits}-bit weights on ${setup.tensorParallel} GPU${setup.tensorParallel > 1 ? 's' : ''}`,
    given: `${formatBytes(need)} per GPU (weights ${formatBytes(gpuWeightBytes(card, setup))}, KV cache of one sequence ${formatBytes(kv)})`,
    expected: `at most ${formatBytes(Math.max(0, have))} (${formatBytes(need - have)} too much; ${formatBytes(reserve)} are kept for activations and workspaces)`,
    todo: `Use about ${Math.max(cut, setup.tensorParallel + 1)} GPUs or more, fewer bits per weight, a shorter context, or a larger --memory-share.`,
  });
}
