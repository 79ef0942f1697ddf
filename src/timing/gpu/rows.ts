/**
 * A row of public serving measurements: what it asks of the model, and whether it can be what it says. A row is
 * suspect when it contradicts physics or itself, never because the prediction misses it.
 */

import { countParameters, flopsPerToken, kvBytes, type ModelCard } from '../../../models/card.js';
import { storedBits } from '../../../models/card-bits.js';
import type { Workload } from '../cost.js';
import type { EngineName, GpuConstants } from './constants.js';
import { type GpuServing, gpuServing, gpuWeightBytes } from './serving.js';
import type { GpuNumbers, GpuSetup } from './step.js';

export interface GpuRow {
  readonly precision: 'bf16' | 'fp8' | 'fp4';
  readonly engine: EngineName;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly concurrency: number;
  readonly tensorParallel: number;
  readonly expertTensorParallel: number;
  readonly expertParallel: number;
  /** Bits of the KV cache where the row tells; null: the engine's default. */
  readonly kvBits: number | null;
  readonly ttftMs: number;
  readonly tpotMs: number;
}

/** Benchmarks in this field send ten requests per user, all users at once at the start (InferenceX, README). */
const BENCHMARK_REQUESTS_PER_USER = 10;

/** InferenceX draws lengths evenly from 0.8 to 1 of the nominal ones (RANDOM_RANGE_RATIO 0.8 in its README). */
const INFERENCEX_SCENARIOS = ['1024/1024', '1024/8192', '8192/1024'];
const INFERENCEX_MEAN_LENGTH = 0.9;

export function isInferenceX(row: GpuRow): boolean {
  return INFERENCEX_SCENARIOS.includes(`${row.promptTokens}/${row.outputTokens}`);
}

/**
 * TensorRT-LLM's own benchmark keeps one request more in flight than the server has slots: in its rows the first
 * token comes later by one whole request, divided by the users (87 rows of Llama-3.1-8B on H100).
 */
export function waitsForSlot(row: GpuRow): boolean {
  return row.engine === 'trtllm' && !isInferenceX(row);
}

/** The workload behind a row's nominal lengths and users. */
function rowWorkload(row: GpuRow): Workload {
  const share = isInferenceX(row) ? INFERENCEX_MEAN_LENGTH : 1;
  return {
    promptTokens: Math.round(row.promptTokens * share),
    outputTokens: Math.round(row.outputTokens * share),
    concurrency: row.concurrency + (waitsForSlot(row) ? 1 : 0),
  };
}

/** Bits of the KV cache that engines choose by default with these weights: 8 where the hardware and engine can. */
export function defaultKvBits(weightBits: number, engine: EngineName, nativeBits: readonly number[]): number {
  return weightBits < 16 && (engine === 'trtllm' || nativeBits.includes(4)) ? 8 : 16;
}

export function rowSetup(row: GpuRow, card: ModelCard, nativeBits: readonly number[]): GpuSetup {
  const given = { bf16: 16, fp8: 8, fp4: 4 }[row.precision];
  // Experts published in 4 bits stay so: "fp8" then speaks of activations and cache.
  const weightBits = card.quantized === 'experts' ? Math.min(given, card.weightBits) : given;
  const moe = card.kinds.some((kind) => kind.mlp.kind === 'moe');
  return {
    tensorParallel: row.tensorParallel,
    expertTensorParallel: moe ? row.expertTensorParallel : 1,
    expertParallel: moe ? row.expertParallel : 1,
    // More GPUs for experts than for attention: attention is repeated and the users are shared out.
    dataParallel: moe ? Math.max(1, (row.expertTensorParallel * row.expertParallel) / row.tensorParallel) : 1,
    weightBits,
    kvBits: row.kvBits ?? defaultKvBits(weightBits, row.engine, nativeBits),
    engine: row.engine,
    slots: waitsForSlot(row) ? row.concurrency : Infinity,
  };
}

export function predictRow(row: GpuRow, card: ModelCard, gpu: GpuNumbers, c: GpuConstants): GpuServing {
  return gpuServing(
    card,
    gpu,
    rowSetup(row, card, gpu.nativeBits),
    rowWorkload(row),
    BENCHMARK_REQUESTS_PER_USER,
    c,
  );
}

/** The most that streaming kernels reach on any GPU of the table; more is not believed. */
const BEST_BANDWIDTH_SHARE = 0.9;

/** Why a measured row cannot be taken at its word; null: nothing found. */
export function suspicion(
  row: GpuRow,
  card: ModelCard,
  gpu: GpuNumbers,
  predicted: GpuServing,
  c: GpuConstants,
): string | null {
  const setup = rowSetup(row, card, gpu.nativeBits);
  const { promptTokens, outputTokens } = rowWorkload(row);
  const { concurrency } = row;
  const steps = outputTokens - 1;
  const decodeSeconds = (steps * row.tpotMs) / 1e3;
  const lifetime = row.ttftMs / 1e3 + decodeSeconds;
  const running = (concurrency * decodeSeconds) / lifetime;
  const demand =
    kernelDemand(card, gpu, setup, promptTokens, outputTokens, running) * (concurrency / lifetime);
  if (demand > 1) {
    return 'its throughput needs more than the rates that single kernels reach on this GPU (cached prompts, or answers shorter than stated)';
  }
  const prompt = predicted.prefill.seconds * Math.max(1, promptTokens / c.chunkTokens) * 1e3;
  const slot = waitsForSlot(row) ? (lifetime * 1e3) / concurrency : 0;
  const wait = row.ttftMs - c.requestMs[row.engine] - slot;
  if (predicted.maxUsers >= concurrency && wait > 1.5 * concurrency * prompt && wait > 50) {
    return 'the first token takes longer than the prompts of all users one after another, although the memory holds all of them (fewer slots than users, or tokens delivered late)';
  }
  return null;
}

/** Seconds that one request occupies the GPUs at the rates of single kernels: a floor for 1 / throughput. */
function kernelDemand(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  promptTokens: number,
  outputTokens: number,
  running: number,
): number {
  const narrow = Math.min(setup.weightBits, 8);
  const native = gpu.nativeBits.includes(setup.weightBits)
    ? setup.weightBits
    : narrow < 16 && gpu.nativeBits.includes(8)
      ? 8
      : 16;
  const rate =
    native === 4
      ? gpu.flops4 * gpu.computeShare4
      : native === 8
        ? gpu.flops8 * gpu.computeShare8
        : gpu.flops16 * gpu.computeShare16;
  const prefill =
    (promptTokens * flopsPerToken(card, 'prefill', promptTokens)) /
    (rate * setup.tensorParallel * setup.dataParallel);
  const read = gpuWeightBytes(card, setup) - idleExpertBytes(card, setup, running);
  const cache =
    (running * kvBytes(card, promptTokens + outputTokens / 2, setup.kvBits / 8)) /
    (setup.tensorParallel * setup.dataParallel);
  const decode =
    (outputTokens * (read + cache)) / (gpu.memoryBytesPerSecond * BEST_BANDWIDTH_SHARE) / running;
  return prefill + decode;
}

/** Bytes of the experts that a batch of `running` tokens leaves unread, per GPU. */
function idleExpertBytes(card: ModelCard, setup: GpuSetup, running: number): number {
  const moe = card.kinds.find((kind) => kind.mlp.kind === 'moe')?.mlp;
  if (moe?.kind !== 'moe') return 0;
  const idle = (1 - moe.numExpertsPerTok / moe.numExperts) ** running;
  const cut = setup.expertTensorParallel * setup.expertParallel;
  return (idle * countParameters(card).experts * storedBits(card, setup.weightBits).experts) / 8 / cut;
}
