/**
 * Wafers as data: one record per machine, a source and a confidence beside every number. A chip generation is
 * a row here and never a code path. Cycles are what the simulator predicts; the clock only turns them into time.
 */
import { OptionError } from '../core/errors.js';
import type { Confidence, Fact, FactList, Facts, Plain } from './types.js';
import { plain } from './types.js';

/** The numbers of a wafer: name, allowed range, whole number or not. `Wavelet` and `Word` are 32 bits. */
export const WAFER_KEYS = {
  fabricColumns: { min: 1, max: 4096, whole: true },
  fabricRows: { min: 1, max: 4096, whole: true },
  /** What is left of the fabric for programs beside the columns and rows that move data on and off it. */
  usableColumns: { min: 1, max: 4096, whole: true },
  usableRows: { min: 1, max: 4096, whole: true },
  sramBytesPerPe: { min: 1024, max: 2 ** 30, whole: true },
  sramBanks: { min: 1, max: 64, whole: true },
  sramReadBytesPerCycle: { min: 1, max: 1024, whole: true },
  sramWriteBytesPerCycle: { min: 1, max: 1024, whole: true },
  /** Code, stack and descriptors: what a PE's SRAM holds besides data. */
  reservedBytesPerPe: { min: 0, max: 2 ** 30, whole: true },
  lanesF16: { min: 1, max: 1024, whole: true },
  lanesF32: { min: 1, max: 1024, whole: true },
  lanesI8: { min: 1, max: 1024, whole: true },
  /** Sustained in real kernels, which the lanes alone do not tell. */
  cyclesPerMacF16: { min: 1e-4, max: 1000, whole: false },
  cyclesPerMacF32: { min: 1e-4, max: 1000, whole: false },
  cyclesPerMacI8: { min: 1e-4, max: 1000, whole: false },
  /** From the issue of a vector operation over memory to its first element. */
  vectorStartCycles: { min: 0, max: 1000, whole: true },
  /** From the trigger of a task to its first instruction. */
  taskStartCycles: { min: 0, max: 1000, whole: true },
  clockHz: { min: 1e3, max: 1e11, whole: false },
  linkBits: { min: 32, max: 32, whole: true },
  hopLatencyCycles: { min: 1, max: 1, whole: true },
  rampLatencyCycles: { min: 1, max: 64, whole: true },
  routerQueueWavelets: { min: 2, max: 64, whole: true },
  colors: { min: 1, max: 24, whole: true },
  switchPositions: { min: 1, max: 4, whole: true },
  microthreads: { min: 1, max: 8, whole: true },
  ioBytesPerSecond: { min: 1, max: 1e15, whole: false },
  ioLatencySeconds: { min: 0, max: 1, whole: false },
  powerWatts: { min: 0, max: 1e6, whole: false },
  energyPjPerMacF16: { min: 0, max: 1e6, whole: false },
  energyPjPerMacF32: { min: 0, max: 1e6, whole: false },
  energyPjPerSramByte: { min: 0, max: 1e6, whole: false },
  /** One 32-bit wavelet over one link. */
  energyPjPerHop: { min: 0, max: 1e6, whole: false },
} as const;

export type WaferKey = keyof typeof WAFER_KEYS;

export interface WaferMachine {
  readonly kind: 'wafer';
  readonly name: string;
  readonly title: string;
  readonly facts: Facts<WaferKey>;
  /** Depth of each input and output queue of a CE. */
  readonly inputQueueWords: FactList;
  readonly outputQueueWords: FactList;
}

/** The bare numbers of a wafer, all keys of {@link WAFER_KEYS}. */
export type WaferNumbers = Plain<WaferKey>;

export function waferNumbers(machine: WaferMachine): WaferNumbers {
  return plain(machine.facts);
}

const SDK = 'Cerebras SDK documentation and csl-examples';
const HPDC24 = 'Luczynski et al., Near-Optimal Wafer-Scale Reduce, HPDC 2024 (arXiv:2404.15888)';
const WAFERLLM = 'He et al., WaferLLM, OSDI 2025';
const HC34 = 'Lie, Cerebras Architecture Deep Dive, Hot Chips 34 (2022)';
const CS4 = 'Cerebras, CS-4 announcement (2026)';
const HOROWITZ =
  'Horowitz, Computing’s Energy Problem, ISSCC 2014 (45 nm), times 0.2 for 7 nm after Stillmaker and Baas, Integration 58 (2017)';

const published = (value: number, source: string, confidence: Confidence = 'high'): Fact => ({
  value,
  tag: 'published',
  confidence,
  source,
});
const derived = (value: number, source: string, confidence: Confidence = 'medium'): Fact => ({
  value,
  tag: 'derived',
  confidence,
  source,
});
const fitted = (value: number, source: string, confidence: Confidence = 'medium'): Fact => ({
  value,
  tag: 'fitted',
  confidence,
  source,
});
const guessed = (value: number, source: string): Fact => ({
  value,
  tag: 'guessed',
  confidence: 'low',
  source,
});

const WSE2: WaferMachine = {
  kind: 'wafer',
  name: 'wse-2',
  title: 'Cerebras WSE-2 (CS-2)',
  facts: {
    fabricColumns: published(757, SDK),
    fabricRows: published(996, SDK),
    usableColumns: published(750, SDK),
    usableRows: published(994, SDK),
    sramBytesPerPe: published(48 * 1024, HC34),
    sramBanks: published(8, HC34),
    sramReadBytesPerCycle: published(16, HC34),
    sramWriteBytesPerCycle: published(8, HC34),
    reservedBytesPerPe: guessed(4096, 'a few KiB of code in WaferLLM and SDK kernels'),
    lanesF16: published(4, SDK),
    lanesF32: published(1, SDK),
    lanesI8: guessed(4, 'no 8-bit arithmetic is documented: taken as the 16-bit lanes'),
    cyclesPerMacF16: fitted(0.583, `${WAFERLLM}: prefill rates of two models on three grids`),
    cyclesPerMacF32: published(1, `${SDK}: one 32-bit fused multiply-add per cycle`, 'medium'),
    cyclesPerMacI8: guessed(0.583, 'as f16: 8-bit weights are widened where they are used'),
    vectorStartCycles: fitted(3, `${WAFERLLM}: 2.74 cycles per vector issue, prefill rates of two models`),
    taskStartCycles: guessed(1, 'task picker; no public figure'),
    clockHz: published(1.1e9, `${WAFERLLM} converts cycles at 1.1 GHz; SDK examples use 0.85 GHz`, 'medium'),
    linkBits: published(32, HC34),
    hopLatencyCycles: published(1, HC34),
    rampLatencyCycles: published(2, HPDC24),
    routerQueueWavelets: guessed(
      2,
      'the least that sustains one wavelet per cycle with credits a cycle late',
    ),
    colors: published(24, SDK),
    switchPositions: published(4, SDK),
    microthreads: published(8, SDK),
    ioBytesPerSecond: published(150e9, 'Cerebras, CS-2 and CS-3 data sheets: 1.2 Tb/s', 'medium'),
    ioLatencySeconds: published(5e-6, CS4, 'medium'),
    powerWatts: published(20e3, 'press: 15 to 23 kW per system', 'medium'),
    energyPjPerMacF16: guessed(0.3, HOROWITZ),
    energyPjPerMacF32: guessed(0.92, HOROWITZ),
    energyPjPerSramByte: guessed(0.25, HOROWITZ),
    energyPjPerHop: published(4.8, 'press: 0.15 pJ per bit, times 32', 'low'),
  },
  inputQueueWords: { values: [6, 6, 4, 4, 2, 2, 2, 2], tag: 'published', confidence: 'high', source: SDK },
  outputQueueWords: { values: [2, 2, 6, 6, 2, 2], tag: 'published', confidence: 'high', source: SDK },
};

const WSE3: WaferMachine = {
  kind: 'wafer',
  name: 'wse-3',
  title: 'Cerebras WSE-3 (CS-3)',
  facts: {
    ...WSE2.facts,
    fabricColumns: published(762, SDK),
    fabricRows: published(1172, SDK),
    usableColumns: derived(755, 'fabric less the margins that WSE-2 keeps'),
    usableRows: derived(1170, 'fabric less the margins that WSE-2 keeps'),
    lanesF16: published(8, SDK, 'medium'),
    lanesI8: guessed(8, 'no 8-bit arithmetic is documented: taken as the 16-bit lanes'),
    cyclesPerMacF16: guessed(0.3, 'WSE-2’s sustained rate with twice the lanes, SRAM ports unchanged'),
    cyclesPerMacI8: guessed(0.3, 'as f16: 8-bit weights are widened where they are used'),
    clockHz: derived(
      1.1e9,
      'unpublished; as WSE-2. 21 PB/s over 24 B per PE and cycle gives 0.97 GHz',
      'low',
    ),
    powerWatts: published(23e3, 'press: about 23 kW per system', 'medium'),
  },
  inputQueueWords: { values: [8, 8, 4, 4, 4, 4, 4, 4], tag: 'published', confidence: 'high', source: SDK },
  outputQueueWords: { values: [8, 8, 8, 8, 8, 8, 8, 8], tag: 'published', confidence: 'high', source: SDK },
};

const WSE3T: WaferMachine = {
  ...WSE3,
  name: 'wse-3t',
  title: 'Cerebras WSE-3T (one of the three wafers of a CS-4)',
  facts: {
    ...WSE3.facts,
    clockHz: derived(
      2.2e9,
      'WSE-3’s clock times the published ratio of SRAM bandwidths, 43.2 to 21 PB/s',
      'low',
    ),
    ioBytesPerSecond: published(300e9, `${CS4}: 2.4 Tb/s`, 'medium'),
    ioLatencySeconds: published(2e-6, `${CS4}: wafer to wafer`, 'medium'),
    powerWatts: guessed(23e3, 'not published; as WSE-3'),
  },
};

const DESK: WaferMachine = {
  ...WSE2,
  name: 'desk',
  title: 'A small wafer for the desk: the PEs of a WSE-2, 256 by 256 of them',
  facts: {
    ...WSE2.facts,
    fabricColumns: guessed(256, 'chosen: holds what a WebAssembly memory holds'),
    fabricRows: guessed(256, 'chosen: holds what a WebAssembly memory holds'),
    usableColumns: guessed(256, 'chosen: no margins'),
    usableRows: guessed(256, 'chosen: no margins'),
    powerWatts: derived(20e3 * (65536 / 850e3), 'WSE-2’s power by number of PEs', 'low'),
  },
};

/** Every wafer that is known by name. */
export const WAFERS: readonly WaferMachine[] = [WSE2, WSE3, WSE3T, DESK];

/** The wafer of that name; `OptionError` with the known names otherwise. */
export function findWafer(name: string): WaferMachine {
  const machine = WAFERS.find((wafer) => wafer.name === name);
  if (machine !== undefined) return machine;
  throw new OptionError({
    what: 'machine',
    given: JSON.stringify(name),
    expected: `one of ${WAFERS.map((wafer) => wafer.name).join(', ')}, or a JSON file`,
    todo: 'Choose a wafer by one of these names, or describe your own in a JSON file.',
  });
}
