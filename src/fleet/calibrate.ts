/**
 * Finds the numbers of a machine from what it was measured to do: those with which the simulated fleet, asked the same, gives
 * the same throughput, first tokens and further tokens. Each has a physical reading, so that the machine can be asked for
 * other lengths, other numbers of users and other models.
 */
import type { ModelCard } from '../../models/card.js';
import { flopsPerToken } from '../../models/card.js';
import { type GpuMachine, parseGpu } from '../machine/gpus.js';
import { gpuWeightBytes } from '../timing/gpu/serving.js';
import { type ReplayedPoint, replay, type SweepPoint } from './replay.js';
import type { Candidate, MachineRequest } from './search/candidates.js';

/** What a calibration varies. */
interface Numbers {
  readonly memoryBytesPerSecond: number;
  readonly flops16: number;
  readonly stepUs: number;
  readonly sequenceUs: number;
  readonly requestMs: number;
  readonly requestPerUserMs: number;
}

export interface CalibrationInput {
  readonly name: string;
  readonly title: string;
  readonly card: ModelCard;
  readonly points: readonly SweepPoint[];
  /** Of the machine that serves. */
  readonly memoryBytes: number;
  /** Prompt tokens that one step of the server takes at most. */
  readonly chunkTokens: number;
  /** Sequences that it runs at once at most; others wait. */
  readonly maxRunning: number;
  /** Where the measurement is from, for the machine file. */
  readonly source: string;
}

export interface Calibration {
  /** The text of the machine file. */
  readonly file: string;
  readonly machine: GpuMachine;
  readonly points: readonly ReplayedPoint[];
}

/** Fits a machine to a sweep; the same sweep gives the same machine. */
export function calibrate(input: CalibrationInput): Calibration {
  const errorOf = (numbers: Numbers): number => {
    const points = replayOn(machineOf(input, numbers), input);
    return points.reduce((sum, { simulated, figures }) => {
      const off = (name: keyof typeof figures): number => Math.log(simulated[name] / figures[name]) ** 2;
      // Throughput is wanted twice as close as times.
      return sum + 4 * off('tokensPerSecond') + off('ttftMs') + off('tpotMs');
    }, 0);
  };
  const numbers = descend(startOf(input), errorOf);
  const machine = machineOf(input, numbers);
  return { file: fileOf(input, numbers), machine, points: replayOn(machine, input) };
}

/** The one way in which a calibrated machine serves: one copy, in chunks of the length that its file states. */
export function candidateOn({ serving }: GpuMachine): Candidate {
  const chunkTokens = serving?.chunkTokens?.value ?? 512;
  return { machinesPerReplica: 1, chunkTokens, isApart: false, grid: null, attention: null, expertBlocks: 1 };
}

export function requestOn(machine: GpuMachine, card: ModelCard): MachineRequest {
  return {
    machine,
    dollarsPerHour: machine.facts.dollarsPerHour.value,
    weightBits: card.weightBits,
    kvBits: card.kvBits,
    engine: 'vllm',
    tensorParallel: 1,
    maxBatch: machine.serving?.maxRunning?.value ?? 256,
  };
}

function replayOn(machine: GpuMachine, { card, points }: CalibrationInput): ReplayedPoint[] {
  return replay(card, requestOn(machine, card), candidateOn(machine), points);
}

/** What the fewest users say in closed form: a token reads all weights, a prompt takes its arithmetic. */
function startOf({ card, points }: CalibrationInput): Numbers {
  const first = points.reduce((a, b) => (b.users < a.users ? b : a));
  const { promptTokens, figures } = first;
  const setup = {
    tensorParallel: 1,
    expertTensorParallel: 1,
    expertParallel: 1,
    dataParallel: 1,
    weightBits: card.weightBits,
    kvBits: 16,
    engine: 'vllm',
    slots: Infinity,
  } as const;
  const seconds = figures.tpotMs * 1e-3;
  return {
    memoryBytesPerSecond: gpuWeightBytes(card, setup) / (0.7 * seconds),
    flops16: (promptTokens * flopsPerToken(card, 'prefill', promptTokens)) / (0.8e-3 * figures.ttftMs),
    stepUs: seconds * 0.15e6,
    sequenceUs: seconds * 0.15e6,
    requestMs: 0.1 * figures.ttftMs,
    requestPerUserMs: 0.02 * figures.ttftMs,
  };
}

const ROUNDS = 60;
const LEAST_STEP = 1.01;

/** Tries each number a factor up and down, keeps what is better, and takes smaller factors where nothing is. */
function descend(start: Numbers, errorOf: (numbers: Numbers) => number): Numbers {
  let best = start;
  let least = errorOf(start);
  let factor = 2;
  for (let round = 0; round < ROUNDS && factor > LEAST_STEP; round++) {
    let isBetter = false;
    for (const name of Object.keys(start) as (keyof Numbers)[]) {
      for (const by of [factor, 1 / factor]) {
        const tried = { ...best, [name]: best[name] * by };
        const error = errorOf(tried);
        if (error < least) [best, least, isBetter] = [tried, error, true];
      }
    }
    if (!isBetter) factor = Math.sqrt(factor);
  }
  return best;
}

function machineOf(input: CalibrationInput, numbers: Numbers): GpuMachine {
  return parseGpu(fileOf(input, numbers), input.name);
}

/** The machine file: fitted numbers, and those that a processor without launches and links does not have. */
function fileOf(input: CalibrationInput, numbers: Numbers): string {
  const { name, title, source, memoryBytes } = input;
  const fitted = (value: number) => ({
    value: Number(value.toPrecision(4)),
    tag: 'fitted',
    confidence: 'medium',
    source,
  });
  const none = (value: number, what: string) => ({ value, tag: 'guessed', confidence: 'low', source: what });
  const said = (value: number) => ({ value, tag: 'published', confidence: 'high', source: 'the server' });
  const whole = none(1, 'contained in the fitted rates');
  const noLaunch = none(1e-6, 'contained in the time of a step');
  const { stepUs, sequenceUs, requestMs, requestPerUserMs } = numbers;
  const file = {
    kind: 'gpu',
    name,
    title,
    nativeBits: [16],
    perNode: 1,
    memoryBytes: { value: memoryBytes, tag: 'published', confidence: 'high', source: 'the operating system' },
    memoryBytesPerSecond: fitted(numbers.memoryBytesPerSecond),
    flops16: fitted(numbers.flops16),
    dollarsPerHour: none(0, 'not known: pass --price'),
    bandwidthShare: whole,
    bandwidthShare4: whole,
    computeShare16: whole,
    expertComputeShare: whole,
    gemmStart16Us: noLaunch,
    serving: {
      stepUs: fitted(stepUs),
      sequenceUs: fitted(sequenceUs),
      requestMs: fitted(requestMs),
      requestPerUserMs: fitted(requestPerUserMs),
      kernelUs: noLaunch,
      reserveBytes: none(0, 'the operating system keeps what it needs'),
      chunkTokens: said(input.chunkTokens),
      maxRunning: said(input.maxRunning),
    },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}
