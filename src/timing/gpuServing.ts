/**
 * Continuous batching on a group of GPUs, closed loop: N users with one request in flight each. A step decodes
 * all running sequences and takes a chunk of waiting prompts along, so prompts slow tokens down and the reverse.
 * The steady state is solved as a closed queueing network (mean value analysis, Reiser and Lavenberg 1980) of
 * one prefill server, whose service is deterministic, and N users who decode in parallel.
 */
import { countParameters, kvBytes, kvElementsPerLayer, type ModelCard } from '../../models/card.js';
import { ModelError, OptionError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import type { GpuConstants } from './gpuConstants.js';
import { type GpuNumbers, type GpuSetup, gpuStep, storedBits } from './gpuStep.js';
import type { StepCost, Workload } from './workload.js';

export interface GpuServing {
  readonly ttftMs: number;
  readonly tpotMs: number;
  /** Sequences that decode at the same time on average. */
  readonly running: number;
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
  const quantized = storedBits(setup.weightBits) / 8;
  const linear = card.quantized === 'experts' ? 2 : quantized;
  const experts = p.experts / (setup.expertTensorParallel * setup.expertParallel);
  const rest = (p.attention + p.mlp) / setup.tensorParallel;
  const vocabulary = (p.embedding + p.head) / setup.tensorParallel;
  return experts * quantized + rest * linear + vocabulary * 2 + p.vectors * 2;
}

/** Checks that the cuts divide what they cut. */
export function checkSetup(card: ModelCard, setup: GpuSetup): void {
  const { tensorParallel, expertTensorParallel, expertParallel } = setup;
  const heads = card.attention.numAttentionHeads;
  if (heads % tensorParallel !== 0) {
    throw new OptionError({
      what: 'tensor parallelism',
      given: `${tensorParallel} GPUs for ${heads} attention heads`,
      expected: `a divisor of ${heads}`,
      todo: 'Pass another --tp.',
    });
  }
  const moe = card.kinds.find((kind) => kind.mlp.kind === 'moe')?.mlp;
  if (moe?.kind === 'moe' && expertTensorParallel * expertParallel !== tensorParallel) {
    throw new OptionError({
      what: 'expert parallelism',
      given: `${expertTensorParallel} x ${expertParallel} GPUs for experts with tensor parallelism ${tensorParallel}`,
      expected: 'the same number of GPUs',
      todo: 'Choose the two so that their product is the tensor parallelism.',
    });
  }
}

/** Bytes that weights and KV cache may use on one GPU, after weights. */
function freeBytes(card: ModelCard, gpu: GpuNumbers, setup: GpuSetup, c: GpuConstants): number {
  const weights = gpuWeightBytes(card, setup);
  // TensorRT-LLM takes its share of what the weights leave (free_gpu_memory_fraction), the others of the whole.
  if (setup.engine === 'trtllm') return (gpu.memoryBytes - weights) * c.memoryShare;
  return gpu.memoryBytes * c.memoryShare - weights;
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
): GpuServing {
  checkSetup(card, setup);
  const { promptTokens, outputTokens, concurrency } = workload;
  const free = freeBytes(card, gpu, setup, c);
  const a = card.attention;
  const kvCut = a.kind === 'gqa' ? Math.min(setup.tensorParallel, a.numKeyValueHeads) : 1;
  const kvAt = (tokens: number): number => kvBytes(card, tokens, setup.kvBits / 8) / kvCut;
  // TensorRT-LLM reserves the cache of the whole answer on admission, the others fill it as they go.
  const reserved = setup.engine === 'trtllm' ? outputTokens : outputTokens / 2;
  const perUser = kvAt(promptTokens + reserved);
  if (free < kvAt(promptTokens + outputTokens))
    throw doesNotFit(card, gpu, setup, c, kvAt(promptTokens + outputTokens));
  const maxUsers = Math.floor(free / perUser);
  const admitted = Math.min(concurrency, maxUsers);

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
        decodeContext: context,
        prefillTokens,
        promptTokens,
        promptsDone: prefillTokens / promptTokens,
      },
      c,
    );
  const steps = Math.max(1, outputTokens - 1);

  let decoding = admitted;
  let tpot = 0;
  let first = 0;
  for (let round = 0; round < 6; round++) {
    const decode = step(decoding, 0).seconds;
    const mixed = step(decoding, chunk).seconds;
    const prefill = (mixed - decode) * chunks;
    // Waiting prompts share steps up to the token budget, so a prompt pays for its part of a step.
    const service = prefill + (decode * promptTokens) / Math.max(c.chunkTokens, promptTokens);
    // Each of the other running users' prompts passes once in a lifetime, in proportion to the time decoded.
    const lifetime = first + steps * tpot;
    const share = lifetime > 0 ? (steps * tpot) / lifetime : 1;
    const nextTpot = decode + ((admitted - 1) * prefill * share) / steps;
    const queue = queueSeconds(admitted, service, steps * nextTpot);
    const own = mixed * chunks;
    first = decode / 2 + queue + own;
    tpot = nextTpot;
    decoding = Math.max(1, (admitted * steps * tpot) / (first + steps * tpot));
  }
  const burstService = step(0, chunk).seconds * chunks;
  const burst = (burstService * (admitted - 1)) / 2;
  const lifetime = first + steps * tpot;
  const admission = ((concurrency - admitted) / admitted) * lifetime;
  const request = (c.requestMs[setup.engine] + c.requestPerUserMs * (concurrency - 1)) * 1e-3;
  const ttft = request + first + burst / requestsPerUser + admission;
  return {
    ttftMs: ttft * 1e3,
    tpotMs: tpot * 1e3,
    running: decoding,
    maxUsers,
    weightBytesPerGpu: gpuWeightBytes(card, setup),
    kvBytesPerUser: kvAt(promptTokens + outputTokens) * kvCut,
    kvTokens: Math.floor(
      (free / ((kvElementsPerLayer(card) * card.layers.length * setup.kvBits) / 8)) * kvCut,
    ),
    decode: step(decoding, 0),
    prefill: step(0, chunk),
  };
}

/** Mean wait before the prefill server for n users who think for `think` seconds; deterministic service. */
function queueSeconds(users: number, service: number, think: number): number {
  let queue = 0;
  let busy = 0;
  let wait = 0;
  for (let n = 1; n <= users; n++) {
    // An arrival sees the network with one user fewer; the one in service is half done on average.
    wait = service * Math.max(0, queue - busy / 2);
    const rate = n / (wait + service + think);
    queue = rate * (wait + service);
    busy = rate * service;
  }
  return wait;
}

function doesNotFit(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  c: GpuConstants,
  kv: number,
): ModelError {
  const need = gpuWeightBytes(card, setup) + kv;
  const have = gpu.memoryBytes * c.memoryShare;
  const cut = Math.ceil((need * setup.tensorParallel) / have);
  return new ModelError({
    what: `${card.name} with ${setup.weightBits}-bit weights on ${setup.tensorParallel} GPU${setup.tensorParallel > 1 ? 's' : ''}`,
    given: `${formatBytes(need)} per GPU (weights ${formatBytes(gpuWeightBytes(card, setup))}, KV cache of one sequence ${formatBytes(kv)})`,
    expected: `at most ${formatBytes(have)} (${formatBytes(need - have)} too much)`,
    todo: `Use about ${cut} GPUs or more, fewer bits per weight, or a shorter context.`,
  });
}
