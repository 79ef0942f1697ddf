/**
 * GPUs as data: peaks from the vendors' data sheets (dense rates), achieved shares and fixed costs measured on
 * real kernels, prices as inputs. A GPU that was not measured takes the values of its generation or the share
 * that NVIDIA's own planner assumes, and its tag says so.
 */
import { MachineError } from '../core/errors.js';
import type { Tag } from '../core/provenance.js';
import { isRecord, overrideFacts, parseMachineJson } from './custom.js';
import type { Confidence, Fact, Facts } from './types.js';

const positive = (max: number) => ({ min: 1e-6, max, whole: false });
const share = { min: 0.01, max: 1, whole: false };

/** The numbers of a GPU. Rates are dense; 16, 8 and 4 are the bits of the operands. */
export const GPU_KEYS = {
  memoryBytes: positive(1e13),
  memoryBytesPerSecond: positive(1e15),
  flops16: positive(1e18),
  flops8: positive(1e18),
  flops4: positive(1e18),
  /** One direction, to all other GPUs of the node together. */
  linkBytesPerSecond: positive(1e14),
  powerWatts: positive(1e5),
  /** The GPU and its share of host, network and cooling. */
  systemWatts: positive(1e5),
  /** An input of every cost: rental per GPU, midrange of public offers. */
  dollarsPerHour: { min: 0, max: 1e4, whole: false },
  /** Share of the memory bandwidth that a matrix product with few rows reaches. */
  bandwidthShare: share,
  /** The same with weights of 4 bits. */
  bandwidthShare4: share,
  /** Share of the peak that a matrix product of 2048 and more rows reaches. */
  computeShare16: share,
  computeShare8: share,
  computeShare4: share,
  /** The same for grouped products of experts, as a share of what plain products reach. */
  expertComputeShare: share,
  /** Fixed cost of a matrix product beside its traffic: launch, ramp-up, quantising the input. */
  gemmStart16Us: positive(1e4),
  gemmStart8Us: positive(1e4),
  gemmStart4Us: positive(1e4),
  /** A small all-reduce inside a CUDA graph: between two GPUs, and what each doubling adds. */
  allReduceUs: positive(1e4),
  allReducePerDoublingUs: { min: 0, max: 1e4, whole: false },
  /** Bus bandwidth of large all-reduces as a share of the link. */
  linkShare: share,
} as const;

export type GpuKey = keyof typeof GPU_KEYS;

/** What serving on a machine costs beside its peaks, where its file says it: in place of what is fitted for all GPUs. */
export const SERVING_KEYS = {
  /** Between two steps: scheduler, sampling, copying tokens out. */
  stepUs: { min: 0, max: 1e7, whole: false },
  /** Per sequence in the step. */
  sequenceUs: { min: 0, max: 1e7, whole: false },
  /** A request's way in and its first token's way out, and what every user adds to it. */
  requestMs: { min: 0, max: 1e6, whole: false },
  requestPerUserMs: { min: 0, max: 1e6, whole: false },
  /** A kernel other than a matrix product. */
  kernelUs: { min: 0, max: 1e6, whole: false },
  /** Bytes that neither weights nor cache have. */
  reserveBytes: { min: 0, max: 1e12, whole: false },
  /** Prompt tokens that one step takes at most. */
  chunkTokens: { min: 1, max: 1e6, whole: true },
  /** Sequences that run at once at most. */
  maxRunning: { min: 1, max: 1e6, whole: true },
} as const;

export type ServingKey = keyof typeof SERVING_KEYS;

export interface GpuMachine {
  readonly kind: 'gpu';
  readonly name: string;
  readonly title: string;
  /** Operand widths that the tensor cores multiply natively; narrower weights are widened first. */
  readonly nativeBits: readonly number[];
  /** GPUs that share one fast interconnect. */
  readonly perNode: number;
  readonly facts: Facts<GpuKey>;
  readonly serving?: Partial<Facts<ServingKey>>;
}

const fact = (value: number, tag: Tag, source: string, confidence: Confidence): Fact => ({
  value,
  tag,
  confidence,
  source,
});
const AIC = 'silicon measurements in ai-dynamo/aiconfigurator (Apache-2.0), August 2026';
const sheet = (value: number) => fact(value, 'published', 'vendor data sheet, dense rates', 'high');
const measured = (value: number) => fact(value, 'measured', AIC, 'medium');
const fitted = (value: number, benchmark = '') =>
  fact(
    value,
    'fitted',
    `public serving measurements (aiconfigurator, InferenceX) of 8 and 4-bit models${benchmark}`,
    'medium',
  );
const alike = (value: number, like: string) => fact(value, 'guessed', `as ${like}`, 'low');
const assumed = (value: number, why: string) => fact(value, 'guessed', why, 'low');
const driver = (value: number) =>
  fact(value, 'published', 'GiB that CUDA or ROCm report in public logs of servers', 'medium');
const nearly = (value: number, why: string) => fact(value, 'derived', why, 'low');
const price = (value: number, range: string) =>
  fact(value, 'published', `2026 rental offers, ${range}`, 'low');

interface Row {
  readonly name: string;
  readonly title: string;
  /** What the driver leaves to programs, not what the box says. */
  readonly memoryGiB: Fact;
  readonly gbPerSecond: number;
  /** 16, 8 and 4 bit TFLOPS; a width that is not native repeats the next wider one. */
  readonly tflops: readonly [number, number, number];
  readonly nativeBits: readonly number[];
  readonly linkGB: number;
  readonly watts: number;
  readonly dollars: Fact;
  readonly kernels: Kernels;
}

type KernelKey =
  | 'bandwidthShare'
  | 'bandwidthShare4'
  | 'computeShare16'
  | 'computeShare8'
  | 'computeShare4'
  | 'expertComputeShare'
  | 'gemmStart16Us'
  | 'gemmStart8Us'
  | 'gemmStart4Us'
  | 'allReduceUs'
  | 'allReducePerDoublingUs'
  | 'linkShare';
type Kernels = Readonly<Record<KernelKey, Fact>>;

const A100_KERNELS: Kernels = {
  bandwidthShare: measured(0.74),
  bandwidthShare4: alike(0.6, 'H100'),
  computeShare16: measured(0.9),
  computeShare8: assumed(0.5, 'share of H100 fp8'),
  computeShare4: measured(0.9),
  expertComputeShare: alike(0.2, 'H100'),
  gemmStart16Us: measured(4.8),
  gemmStart8Us: assumed(8, 'bf16 plus quantising, as on H100'),
  gemmStart4Us: measured(4.8),
  allReduceUs: measured(5),
  allReducePerDoublingUs: measured(0.5),
  linkShare: measured(0.73),
};
const H100_KERNELS: Kernels = {
  bandwidthShare: measured(0.88),
  bandwidthShare4: fitted(0.6),
  computeShare16: measured(0.81),
  computeShare8: measured(0.5),
  computeShare4: measured(0.81),
  expertComputeShare: fitted(0.2),
  gemmStart16Us: measured(3.4),
  gemmStart8Us: fitted(11.5, '; 6.6 in the kernel benchmark'),
  gemmStart4Us: measured(3.4),
  allReduceUs: measured(4.3),
  allReducePerDoublingUs: measured(0.35),
  linkShare: measured(0.97),
};
const H200_KERNELS: Kernels = {
  ...H100_KERNELS,
  bandwidthShare: measured(0.84),
  computeShare16: measured(0.79),
  computeShare8: alike(0.5, 'H100'),
  expertComputeShare: alike(0.2, 'H100'),
  bandwidthShare4: alike(0.6, 'H100'),
  gemmStart16Us: measured(3.6),
  gemmStart8Us: alike(11.5, 'H100'),
  allReduceUs: measured(4.5),
  allReducePerDoublingUs: measured(0.25),
};
const B200_KERNELS: Kernels = {
  bandwidthShare: measured(0.74),
  bandwidthShare4: fitted(0.9),
  computeShare16: measured(0.66),
  computeShare8: measured(0.52),
  computeShare4: fitted(0.42),
  expertComputeShare: fitted(0.45),
  gemmStart16Us: measured(2.9),
  gemmStart8Us: fitted(4.8, '; 14.6 in the kernel benchmark, where quantising is a kernel of its own'),
  gemmStart4Us: fitted(10.8),
  allReduceUs: measured(6.9),
  allReducePerDoublingUs: measured(0.45),
  linkShare: measured(0.73),
};

/** The same kernels on a GPU that nobody measured. */
function inherited(kernels: Kernels, from: string, changes: Partial<Kernels> = {}): Kernels {
  const entries = Object.entries(kernels).map(([key, f]) => [key, alike(f.value, from)]);
  return { ...(Object.fromEntries(entries) as Record<KernelKey, Fact>), ...changes };
}

const NO_LINK = {
  linkShare: assumed(0.8, 'share of PCIe that large messages reach'),
  allReduceUs: assumed(20, 'PCIe, through the host'),
};
const PLANNER = { bandwidthShare: assumed(0.8, 'NVIDIA aiconfigurator assumes 0.8 of the peak') };

const ROWS: readonly Row[] = [
  {
    name: 'a100',
    title: 'NVIDIA A100 80 GB SXM',
    memoryGiB: driver(79.25),
    gbPerSecond: 2039,
    tflops: [312, 624, 312],
    nativeBits: [16, 8],
    linkGB: 300,
    watts: 400,
    dollars: price(1.5, '0.8 to 3.0'),
    kernels: A100_KERNELS,
  },
  {
    name: 'h100',
    title: 'NVIDIA H100 SXM',
    memoryGiB: driver(79.1),
    gbPerSecond: 3350,
    tflops: [989, 1978, 989],
    nativeBits: [16, 8],
    linkGB: 450,
    watts: 700,
    dollars: price(2.95, '2.0 to 5.0, median 2.95'),
    kernels: H100_KERNELS,
  },
  {
    name: 'h200',
    title: 'NVIDIA H200 SXM',
    memoryGiB: driver(139.8),
    gbPerSecond: 4800,
    tflops: [989, 1978, 989],
    nativeBits: [16, 8],
    linkGB: 450,
    watts: 700,
    dollars: price(3.5, '2.5 to 7.0'),
    kernels: H200_KERNELS,
  },
  {
    name: 'b200',
    title: 'NVIDIA B200 SXM',
    memoryGiB: driver(178.4),
    gbPerSecond: 7700,
    tflops: [2250, 4500, 9000],
    nativeBits: [16, 8, 4],
    linkGB: 900,
    watts: 1000,
    dollars: price(5.5, '5 to 6'),
    kernels: B200_KERNELS,
  },
  {
    name: 'gb200',
    title: 'NVIDIA GB200 (one GPU of NVL72)',
    memoryGiB: driver(184.3),
    gbPerSecond: 8000,
    tflops: [2500, 5000, 10000],
    nativeBits: [16, 8, 4],
    linkGB: 900,
    watts: 1200,
    dollars: assumed(6, 'B200 and its share of the rack'),
    kernels: inherited(B200_KERNELS, 'B200'),
  },
  {
    name: 'b300',
    title: 'NVIDIA B300 SXM',
    memoryGiB: nearly(268.6, 'nvidia-smi, 275,040 MiB'),
    gbPerSecond: 7750,
    tflops: [2250, 4500, 14000],
    nativeBits: [16, 8, 4],
    linkGB: 900,
    watts: 1100,
    dollars: assumed(7, 'B200 by memory'),
    kernels: inherited(B200_KERNELS, 'B200'),
  },
  {
    name: 'l40s',
    title: 'NVIDIA L40S',
    memoryGiB: driver(44.4),
    gbPerSecond: 864,
    tflops: [362, 733, 362],
    nativeBits: [16, 8],
    linkGB: 32,
    watts: 350,
    dollars: price(1, 'about 1'),
    kernels: inherited(H100_KERNELS, 'H100', { ...PLANNER, ...NO_LINK }),
  },
  {
    name: 'l4',
    title: 'NVIDIA L4',
    memoryGiB: driver(22),
    gbPerSecond: 300,
    tflops: [121, 242, 121],
    nativeBits: [16, 8],
    linkGB: 32,
    watts: 72,
    dollars: price(0.65, '0.5 to 0.8'),
    kernels: inherited(H100_KERNELS, 'H100', {
      ...NO_LINK,
      bandwidthShare: fact(
        0.81,
        'published',
        'batch-1 decode at 81 % of the memory floor, arXiv:2605.30571',
        'medium',
      ),
    }),
  },
  {
    name: 'rtx-5090',
    title: 'NVIDIA RTX 5090',
    memoryGiB: driver(31.4),
    gbPerSecond: 1792,
    tflops: [209, 838, 1676],
    nativeBits: [16, 8, 4],
    linkGB: 32,
    watts: 575,
    dollars: price(0.75, '0.5 to 1'),
    kernels: inherited(B200_KERNELS, 'B200', { ...PLANNER, ...NO_LINK }),
  },
  {
    name: 'mi300x',
    title: 'AMD MI300X',
    memoryGiB: driver(192),
    gbPerSecond: 5300,
    tflops: [1307, 2614, 1307],
    nativeBits: [16, 8],
    linkGB: 448,
    watts: 750,
    dollars: price(2.5, '2 to 3'),
    kernels: inherited(H100_KERNELS, 'H100', {
      ...PLANNER,
      bandwidthShare4: fact(
        0.4,
        'fitted',
        'gpt-oss-120b under vLLM 0.17, InferenceX pull request 1061',
        'low',
      ),
      gemmStart16Us: assumed(6, 'ROCm launches cost about twice CUDA’s'),
      gemmStart8Us: assumed(12, 'bf16 and quantising'),
      allReduceUs: assumed(10, 'RCCL on small messages, about twice NVLink'),
      computeShare16: assumed(0.6, 'public reports of 0.5 to 0.65 of the peak'),
    }),
  },
];

/** All-in utility power per GPU as the public InferenceX dashboard counts it; others by the same ratio. */
const SYSTEM_WATTS: Readonly<Record<string, number>> = {
  h100: 1730,
  h200: 1730,
  b200: 2170,
  gb200: 2100,
  mi300x: 1790,
};

function systemWatts(row: Row): Fact {
  const watts = SYSTEM_WATTS[row.name];
  return watts === undefined
    ? assumed(row.watts * 2.2, 'board power times 2.2, the ratio of B200')
    : fact(watts, 'published', 'InferenceX dashboard, all-in power per GPU', 'medium');
}

function machine(row: Row): GpuMachine {
  const [flops16, flops8, flops4] = row.tflops;
  return {
    kind: 'gpu',
    name: row.name,
    title: row.title,
    nativeBits: row.nativeBits,
    perNode: row.name === 'gb200' ? 72 : 8,
    facts: {
      memoryBytes: { ...row.memoryGiB, value: Math.round(row.memoryGiB.value * 2 ** 30) },
      memoryBytesPerSecond: sheet(row.gbPerSecond * 1e9),
      flops16: sheet(flops16 * 1e12),
      flops8: sheet(flops8 * 1e12),
      flops4: sheet(flops4 * 1e12),
      linkBytesPerSecond: sheet(row.linkGB * 1e9),
      powerWatts: sheet(row.watts),
      systemWatts: systemWatts(row),
      dollarsPerHour: row.dollars,
      ...row.kernels,
    },
  };
}

/** Every GPU that is known by name. */
export const GPUS: readonly GpuMachine[] = ROWS.map(machine);

/** The GPU of that name, or undefined. */
export function findGpu(name: string): GpuMachine | undefined {
  return GPUS.find((gpu) => gpu.name === name);
}

/**
 * A GPU from the text of a machine file, `{"kind": "gpu", "name": "mine", "base": "h100", "memoryBytes": 9e10}`.
 *
 * @throws MachineError that names the key at fault
 */
export function parseGpu(text: string, file: string): GpuMachine {
  const {
    name,
    kind,
    base = 'h100',
    title,
    nativeBits,
    perNode,
    serving,
    ...entries
  } = parseMachineJson(text, file);
  const bad = (what: string, given: unknown, expected: string): MachineError =>
    new MachineError({
      what: `${what} in machine file ${file}`,
      given: `${JSON.stringify(given)}`.slice(0, 80),
      expected,
      todo: 'Correct the machine file.',
    });
  if (kind !== 'gpu') throw bad('kind', kind, '"gpu"');
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) {
    throw bad('name', name, '1 to 64 of a-z, 0-9, ".", "_" and "-"');
  }
  const parent = typeof base === 'string' ? findGpu(base) : undefined;
  if (!parent) throw bad('base', base, `one of ${GPUS.map((gpu) => gpu.name).join(', ')}`);
  if (title !== undefined && typeof title !== 'string') throw bad('title', title, 'text');
  if (nativeBits !== undefined && !isBits(nativeBits))
    throw bad('nativeBits', nativeBits, 'a list of 16, 8 and 4');
  if (perNode !== undefined && !(typeof perNode === 'number' && Number.isInteger(perNode) && perNode >= 1)) {
    throw bad('perNode', perNode, 'a positive integer');
  }
  if (serving !== undefined && !isRecord(serving)) throw bad('serving', serving, 'an object');
  return {
    kind: 'gpu',
    name,
    title: title ?? name,
    nativeBits: nativeBits ?? parent.nativeBits,
    perNode: perNode ?? parent.perNode,
    facts: overrideFacts(parent.facts, entries, GPU_KEYS, file),
    ...(serving && { serving: overrideFacts<ServingKey>({}, serving, SERVING_KEYS, file) }),
  };
}

function isBits(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((b) => b === 16 || b === 8 || b === 4);
}
