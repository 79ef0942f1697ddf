/** A tensor-parallel group of GPUs as a replica: the tables of its steps, made from the timing model. */
import { kvBytes, kvBytesPerToken, type ModelCard } from '../../../models/card.js';
import type { OpCost } from '../../timing/cost.js';
import type { GpuConstants } from '../../timing/gpu/constants.js';
import { NODE_LATENCY_US, NODE_LINK_BYTES_PER_SECOND } from '../../timing/gpu/estimate.js';
import { gpuServing } from '../../timing/gpu/serving.js';
import { type GpuNumbers, type GpuSetup, gpuStep, type StepLoad } from '../../timing/gpu/step.js';
import { Curve, interpolated } from './curve.js';
import type { ReplicaModel, StepTimes } from './step-times.js';

/** What decides the size of the tables and the memory that is left for the cache. */
export interface ReplicaShape {
  readonly maxBatch: number;
  readonly chunkTokens: number;
  /** Of a typical sequence, prompt and answer; windows and layouts depend on it. */
  readonly typicalContext: number;
}

const DECODE_ATTENTION = 'decode attention';
const PROMPT_ATTENTION = 'prefill attention';
const PER_SEQUENCE = ['lmHead', 'engine'];

/**
 * The replica of `card` on `setup.tensorParallel` GPUs.
 *
 * @throws ModelError when weights and one typical sequence do not fit
 */
export function gpuReplica(
  card: ModelCard,
  machine: {
    readonly name: string;
    readonly numbers: GpuNumbers;
    readonly watts: number;
    readonly dollarsPerHour: number;
  },
  setup: GpuSetup,
  c: GpuConstants,
  shape: ReplicaShape,
): ReplicaModel {
  const { numbers } = machine;
  const machines = setup.tensorParallel * setup.dataParallel;
  const typical = Math.max(2, Math.round(shape.typicalContext));
  const served = gpuServing(
    card,
    numbers,
    { ...setup, engine: setup.engine },
    { promptTokens: typical - 1, outputTokens: 1, concurrency: 1 },
    Infinity,
    c,
  );
  const perToken = kvBytesPerToken(card, setup.kvBits / 8);
  // Layers with a window keep less than a token's share of long sequences.
  const windowed = (perToken * typical) / kvBytes(card, typical, setup.kvBits / 8);
  return {
    machine: machine.name,
    machines,
    times: gpuStepTimes(card, numbers, setup, c, shape),
    kvTokens: Math.floor(served.kvTokens * windowed),
    maxContext: card.maxPositionEmbeddings,
    requestSeconds: c.requestMs[setup.engine] * 1e-3,
    requestPerUserSeconds: c.requestPerUserMs[setup.engine] * 1e-3,
    transferSeconds: NODE_LATENCY_US * 1e-6,
    transferPerTokenSeconds: perToken / (NODE_LINK_BYTES_PER_SECOND * machines),
    watts: machine.watts * machines,
    dollarsPerHour: machine.dollarsPerHour * machines,
  };
}

/** The step model takes a step apart by what its ops depend on, so the tables add up to it. */
export function gpuStepTimes(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  c: GpuConstants,
  { maxBatch, chunkTokens }: ReplicaShape,
): StepTimes {
  const ops = (load: Partial<StepLoad>): readonly OpCost[] =>
    gpuStep(
      card,
      gpu,
      setup,
      {
        decodeSequences: 0,
        tokensPerSequence: 1,
        decodeContext: 0,
        prefillTokens: 0,
        promptTokens: 1,
        promptsDone: 0,
        ...load,
      },
      c,
    ).ops;
  const sum = (costs: readonly OpCost[], of: (op: OpCost) => number): number =>
    costs.reduce((total, op) => total + of(op), 0);
  const named = (name: string, costs: readonly OpCost[]): readonly OpCost[] =>
    costs.filter(({ op }) => op === name);
  const isShared = ({ op }: OpCost): boolean =>
    op !== DECODE_ATTENTION && op !== PROMPT_ATTENTION && !PER_SEQUENCE.includes(op);
  const work = ({ seconds, latencySeconds }: OpCost): number => seconds - latencySeconds;
  const most = card.maxPositionEmbeddings;
  return {
    tokenSeconds: interpolated(maxBatch + chunkTokens + 1, 1, (tokens) =>
      tokens === 0
        ? 0
        : sum(ops({ prefillTokens: tokens, promptTokens: tokens }).filter(isShared), (op) => op.seconds),
    ),
    sharesWeights: true,
    sequenceSeconds: interpolated(maxBatch + 1, 1, (sequences) =>
      sum(
        ops({ decodeSequences: sequences }).filter(({ op }) => PER_SEQUENCE.includes(op)),
        (op) => op.seconds,
      ),
    ),
    decodeSeconds: sum(named(DECODE_ATTENTION, ops({ decodeSequences: 1 })), (op) => op.latencySeconds),
    contextWeight: Float64Array.from({ length: maxBatch + 1 }, (_, running) => running),
    contextSeconds: new Curve(most, (context) =>
      sum(named(DECODE_ATTENTION, ops({ decodeSequences: 1, decodeContext: context })), work),
    ),
    promptSeconds: sum(named(PROMPT_ATTENTION, ops({ prefillTokens: 1 })), (op) => op.latencySeconds),
    attendedSeconds: new Curve(most, (tokens) =>
      tokens === 0
        ? 0
        : sum(named(PROMPT_ATTENTION, ops({ prefillTokens: tokens, promptTokens: tokens })), work),
    ),
    chunkTokenSeconds: null,
    chunkSeconds: null,
    drainChunks: 0,
    promptYieldsToken: true,
  };
}
