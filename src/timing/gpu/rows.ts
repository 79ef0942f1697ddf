/**
 * A row of public serving measurements: what it asks of the model, and whether it can be what it says. A row is
 * suspect when it contradicts physics or itself, never because the prediction misses it.
 */

import {
  countParameters,
  factsOf,
  flopsPerToken,
  hasExperts,
  kvBytes,
  type ModelCard,
} from '../../../models/card.js';
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
  /** Bits of the KV cache where the row tells; null: what benchmarks of such weights mostly ask for. */
  readonly kvBits: number | null;
  readonly harness: Harness;
  readonly ttftMs: number;
  readonly tpotMs: number;
}

/**
 * Who measured, which decides what a row's nominal numbers mean: InferenceX draws lengths; a harness with as many slots as users keeps one request more in flight; a plain closed loop does as it says.
 */
export type Harness = 'inferencex' | 'slots' | 'closed-loop';
export const HARNESSES: readonly Harness[] = ['inferencex', 'slots', 'closed-loop'];

/** Benchmarks in this field send ten requests per user, all users at once at the start (InferenceX, README). */
const BENCHMARK_REQUESTS_PER_USER = 10;

/** InferenceX draws lengths evenly from 0.8 to 1 of the nominal ones (RANDOM_RANGE_RATIO 0.8 in its README). */
const INFERENCEX_SCENARIOS = ['1024/1024', '1024/8192', '8192/1024'];
const INFERENCEX_MEAN_LENGTH = 0.9;

/**
 * The harness of a row in a file that has no such column: InferenceX where the row is one of its scenarios, and slots
 * for the one published set that shows them (TensorRT-LLM 1.0.0rc3 with Llama-3.1-8B: each first token comes later by
 * a whole request, divided by the users).
 */
export function likelyHarness(
  row: Pick<GpuRow, 'engine' | 'promptTokens' | 'outputTokens'>,
  model: string,
): Harness {
  if (INFERENCEX_SCENARIOS.includes(`${row.promptTokens}/${row.outputTokens}`)) return 'inferencex';
  return row.engine === 'trtllm' && /llama-3\.1-8b/i.test(model) ? 'slots' : 'closed-loop';
}

function waitsForSlot(row: GpuRow): boolean {
  return row.harness === 'slots';
}

/** The workload behind a row's nominal lengths and users. */
function rowWorkload(row: GpuRow): Workload {
  const share = row.harness === 'inferencex' ? INFERENCEX_MEAN_LENGTH : 1;
  return {
    promptTokens: Math.round(row.promptTokens * share),
    outputTokens: Math.round(row.outputTokens * share),
    concurrency: row.concurrency + (waitsForSlot(row) ? 1 : 0),
  };
}

/** Bits of the KV cache where a row does not say: benchmarks of narrow weights ask for 8 on Blackwell and TensorRT-LLM. */
function usualKvBits(weightBits: number, engine: EngineName, nativeBits: readonly number[]): number {
  return weightBits < 16 && (engine === 'trtllm' || nativeBits.includes(4)) ? 8 : 16;
}

/**
 * How a row's GPUs are divided. Some converted rows have tp = 4 x 4 where the run was 4 GPUs with experts dealt to
 * all of them (the same runs stand elsewhere with tp 4): those are read as what was run.
 */
export function rowSplit(row: GpuRow): {
  readonly tensorParallel: number;
  readonly expertTensorParallel: number;
  readonly expertParallel: number;
  readonly isCorrected: boolean;
} {
  const { tensorParallel, expertTensorParallel, expertParallel } = row;
  const isCorrected =
    expertTensorParallel > 1 &&
    expertTensorParallel === expertParallel &&
    tensorParallel === expertTensorParallel * expertParallel;
  return isCorrected
    ? { tensorParallel: expertParallel, expertTensorParallel: 1, expertParallel, isCorrected }
    : { tensorParallel, expertTensorParallel, expertParallel, isCorrected };
}

export function rowSetup(row: GpuRow, card: ModelCard, nativeBits: readonly number[]): GpuSetup {
  const given = { bf16: 16, fp8: 8, fp4: 4 }[row.precision];
  // Experts published in 4 bits stay so: "fp8" then speaks of activations and cache.
  const weightBits = card.quantized === 'experts' ? Math.min(given, card.weightBits) : given;
  const moe = hasExperts(card);
  const { tensorParallel, expertTensorParallel, expertParallel } = rowSplit(row);
  return {
    tensorParallel,
    expertTensorParallel: moe ? expertTensorParallel : 1,
    expertParallel: moe ? expertParallel : 1,
    // More GPUs for experts than for attention: attention is repeated and the users are shared out.
    dataParallel: moe ? Math.max(1, (expertTensorParallel * expertParallel) / tensorParallel) : 1,
    weightBits,
    kvBits: row.kvBits ?? usualKvBits(weightBits, row.engine, nativeBits),
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
  if (rowSplit(row).isCorrected) {
    return `tensor parallelism ${row.tensorParallel} is the product of the experts' two numbers: read as ${row.expertParallel} GPUs with experts dealt to all (a fault of conversion)`;
  }
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
  const experts = card.kinds.map(({ ops }) => factsOf(ops).experts).find((op) => op !== null);
  if (!experts) return 0;
  const idle = (1 - experts.top / experts.weights[0]!.shape[0]!) ** running;
  const cut = setup.expertTensorParallel * setup.expertParallel;
  return (idle * countParameters(card).experts * storedBits(card, setup.weightBits).experts) / 8 / cut;
}
