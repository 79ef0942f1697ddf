/**
 * What the mesh programs that can be run by name cost, in closed form: local work, collectives, shifts. A test
 * holds these forms against the cycle-level simulation; each is a sum of terms that can be read off the program.
 */

import type { WaferNumbers } from '../../machine/wafers.js';
import { ktreeGroup } from '../../placement/reduce.js';
import {
  broadcast2dCycles,
  broadcastCycles,
  chainAllreduceCycles,
  chainReduceCycles,
  ktreeAllreduceCycles,
  type Line,
  ringAllreduceCycles,
  stepCycles,
} from './collectives.js';
import { binaryTree, starTree, treeCycles, twoPhaseTree } from './tree-reduce.js';

export interface MeshProgramSize {
  readonly width: number;
  readonly height: number;
  readonly elements: number;
  readonly type: 'f32' | 'f16';
  /** Of a layer, as the mesh program takes them. */
  readonly ffn?: number | undefined;
  readonly context?: number | undefined;
}

type Form = (size: MeshProgramSize, numbers: WaferNumbers) => number;

const waveletsOf = (elements: number, type: 'f32' | 'f16'): number =>
  Math.ceil(elements / (type === 'f32' ? 1 : 2));

/** One vector multiply-add over the rows per column, as the local kernels do it. */
export function matvecCycles(
  numbers: WaferNumbers,
  rows: number,
  columns: number,
  type: 'f32' | 'f16',
): number {
  const perMac = type === 'f32' ? numbers.cyclesPerMacF32 : numbers.cyclesPerMacF16;
  return rows === 0 ? 0 : columns * numbers.vectorStartCycles + Math.ceil(rows * columns * perMac);
}

/** A collective along the rows and then along the columns of the rectangle. */
function onBothAxes(form: (line: Line) => number): Form {
  return ({ width, height, elements, type }, { rampLatencyCycles }) => {
    const wavelets = waveletsOf(elements, type);
    const along = (pes: number): number => form({ pes, wavelets, rampLatencyCycles });
    return along(width) + along(height);
  };
}

function gemv(allreduce: (line: Line) => number): Form {
  return ({ width, height, elements, type }, numbers) => {
    const rows = Math.ceil(elements / width);
    const { rampLatencyCycles } = numbers;
    const sum = allreduce({ pes: height, wavelets: waveletsOf(rows, type), rampLatencyCycles });
    return matvecCycles(numbers, rows, Math.ceil(elements / height), type) + sum;
  };
}

interface GemmStep {
  readonly pes: number;
  /** Wavelets of one tile, and cycles of one tile's multiplication. */
  readonly wavelets: number;
  readonly computeCycles: number;
}

function gemmStep({ width, elements, type }: MeshProgramSize, numbers: WaferNumbers): GemmStep {
  const tile = Math.ceil(elements / width);
  return {
    pes: width,
    wavelets: waveletsOf(tile * tile, type),
    computeCycles: tile * matvecCycles(numbers, tile, tile, type),
  };
}

/**
 * P - 1 shifts to align and P steps of multiply beside shift. A shift is a credit and then both tiles, A's and B's,
 * over one ramp, each over the longest way of the ring.
 */
function shiftedGemm(
  longestWay: (pes: number) => number,
  aligned: (shift: number, wavelets: number) => number,
): Form {
  return (size, numbers) => {
    const { pes, wavelets, computeCycles } = gemmStep(size, numbers);
    if (pes === 1) return computeCycles;
    const way = stepCycles(numbers.rampLatencyCycles) + longestWay(pes);
    const shift = 2 * wavelets + 2 * way + 2;
    return (pes - 1) * (aligned(shift, wavelets) + Math.max(computeCycles, shift)) + computeCycles;
  };
}

/** Per step: both floods over one ramp to the farther end, its answer back to the next root, the multiplication. */
const summa: Form = (size, numbers) => {
  const { pes, wavelets, computeCycles } = gemmStep(size, numbers);
  if (pes === 1) return computeCycles;
  const { rampLatencyCycles } = numbers;
  // The farther end is between P / 2 and P - 1 hops away, 3/4 P on average over the roots; the answer goes as far.
  const ways = 2 * 0.75 * pes + 2 * (stepCycles(rampLatencyCycles) + 1) - 1;
  return pes * (2 * wavelets + ways + computeCycles);
};

const gemmT: Form = (size, numbers) => {
  const { pes, wavelets, computeCycles } = gemmStep(size, numbers);
  const sum = ktreeAllreduceCycles({ pes, wavelets, rampLatencyCycles: numbers.rampLatencyCycles });
  const lanes = size.type === 'f32' ? numbers.lanesF32 : numbers.lanesF16;
  const keep = numbers.vectorStartCycles + Math.ceil(Math.ceil(size.elements / pes) ** 2 / lanes);
  return pes * (computeCycles + sum + keep);
};

/** One entry per row passes through every row; a short one waits for the way of the one before it. */
const kvShift: Form = ({ height, elements, type }, { rampLatencyCycles }) => {
  const wavelets = waveletsOf(elements, type);
  if (height === 1) return wavelets;
  return height * Math.max(wavelets, (wavelets + stepCycles(rampLatencyCycles) + 1) / 2);
};

const handOver: Form = ({ width, elements, type }, { rampLatencyCycles }) =>
  broadcastCycles({ pes: width - (width >> 1) + 1, wavelets: waveletsOf(elements, type), rampLatencyCycles });

/** `passes` element-wise vector operations over `count` elements. */
function elementCycles(numbers: WaferNumbers, count: number, passes: number, type: 'f32' | 'f16'): number {
  const lanes = type === 'f32' ? numbers.lanesF32 : numbers.lanesF16;
  return count === 0 ? 0 : passes * (numbers.vectorStartCycles + Math.ceil(count / lanes));
}

/** Vector operations of exp, and of SwiGLU with its exp. */
const EXP_PASSES = 10;

/** Llama's rule for the intermediate size: two thirds of 4 hidden sizes, rounded up to a multiple of 4. */
const ffnOf = (hidden: number): number => Math.ceil(Math.floor((8 * hidden) / 3) / 4) * 4;

/** One decode step of one layer: its local work and its ten all-reduces, one after the other. */
const decodeLayer: Form = (
  { width, height, elements: hidden, type, ffn = ffnOf(hidden), context = hidden },
  numbers,
) => {
  const [nx, ny] = [Math.ceil(hidden / width), Math.ceil(hidden / height)];
  const fx = Math.ceil(ffn / width);
  const sy = Math.ceil(context / height);
  const product = (rows: number, columns: number): number => matvecCycles(numbers, rows, columns, type);
  const each = (count: number, passes: number): number => elementCycles(numbers, count, passes, type);
  const along = (pes: number, count: number): number =>
    ktreeAllreduceCycles({
      pes,
      wavelets: waveletsOf(count, type),
      rampLatencyCycles: numbers.rampLatencyCycles,
    });
  const [alongX, alongY] = [(count: number) => along(width, count), (count: number) => along(height, count)];
  const norm = each(ny, 3) + alongY(1);
  const qkv = product(3 * nx, ny) + alongY(3 * nx) + each(nx, 2);
  const score = product(sy, nx) + alongX(sy);
  const softmax = each(sy, 2) + alongY(1) + each(sy, EXP_PASSES) + alongY(1);
  const weighted = product(nx, sy) + alongY(nx);
  const output = product(ny, nx) + alongX(ny) + each(ny, 1);
  const feedForward = product(2 * fx, ny) + alongY(2 * fx) + each(fx, EXP_PASSES);
  const down = product(ny, fx) + alongX(ny) + each(ny, 1);
  return 2 * norm + qkv + score + softmax + weighted + output + feedForward + down;
};

/** MeshGEMM with tiles [m, k] and [k, n]: as `shiftedGemm`, with tiles of different sizes over one ramp each way. */
function meshGemmCycles(
  numbers: WaferNumbers,
  pes: number,
  m: number,
  k: number,
  n: number,
  type: 'f32' | 'f16',
): number {
  const compute = n * matvecCycles(numbers, m, k, type);
  if (pes === 1) return compute;
  const way = stepCycles(numbers.rampLatencyCycles) + Math.min(2, pes - 1);
  const shift = waveletsOf(m * k, type) + waveletsOf(k * n, type) + 2 + 2 * way;
  return (pes - 1) * (shift + Math.max(compute, shift)) + compute;
}

/** Prefill of one layer: five MeshGEMMs, one GEMM-T, two norms and the softmax along the rows. */
const prefillLayer: Form = (size, numbers) => {
  const { width: pes, elements: hidden, type, ffn = ffnOf(hidden) } = size;
  const [t, f] = [Math.ceil(hidden / pes), Math.ceil(ffn / pes)];
  const each = (count: number, passes: number): number => elementCycles(numbers, count, passes, type);
  const gemm = (m: number, k: number, n: number): number => meshGemmCycles(numbers, pes, m, k, n, type);
  const { rampLatencyCycles } = numbers;
  const sum = ktreeAllreduceCycles({ pes, wavelets: waveletsOf(t, type), rampLatencyCycles });
  const scores = gemmT(size, numbers) + pes * each(t * t, 1);
  const softmax = each(t * t, 3 + EXP_PASSES) + 2 * sum;
  const norm = each(t * t, 3) + sum;
  const projections = gemm(t, t, 3 * t) + each(t * t, 3) + gemm(t, t, t) + each(t * t, 1) + gemm(t, t, t);
  const feedForward = gemm(t, t, 2 * f) + each(t * f, EXP_PASSES) + gemm(t, f, t);
  return 2 * norm + projections + scores + softmax + feedForward + 2 * each(t * t, 1);
};

const FORMS: Readonly<Record<string, Form>> = {
  broadcast: ({ width, height, elements, type }, { rampLatencyCycles }) =>
    broadcast2dCycles(width, height, waveletsOf(elements, type), rampLatencyCycles),
  'reduce-star': onBothAxes((line) => treeCycles(starTree(line.pes), line)),
  'reduce-chain': onBothAxes(chainReduceCycles),
  'reduce-tree': onBothAxes((line) => treeCycles(binaryTree(line.pes), line)),
  'reduce-two-phase': onBothAxes((line) => treeCycles(twoPhaseTree(line.pes, ktreeGroup(line.pes)), line)),
  'allreduce-ring': onBothAxes(ringAllreduceCycles),
  'allreduce-chain': onBothAxes(chainAllreduceCycles),
  'allreduce-ktree': onBothAxes(ktreeAllreduceCycles),
  gemv: gemv(ktreeAllreduceCycles),
  'gemv-chain': gemv(chainAllreduceCycles),
  'gemm-summa': summa,
  // Around the natural ring most PEs align A or B alone: half of the time a tile has the ramp to itself.
  'gemm-cannon': shiftedGemm(
    (pes) => pes - 1,
    (shift, wavelets) => shift - wavelets / 2,
  ),
  'gemm-mesh': shiftedGemm(
    (pes) => Math.min(2, pes - 1),
    (shift) => shift,
  ),
  'gemm-t': gemmT,
  'kv-shift': kvShift,
  'hand-over': handOver,
  'decode-layer': decodeLayer,
  'prefill-layer': prefillLayer,
};

/** Predicted cycles of a mesh program by its name, or null where there is no closed form for it. */
export function predictMeshProgram(
  name: string,
  size: MeshProgramSize,
  numbers: WaferNumbers,
): number | null {
  return FORMS[name]?.(size, numbers) ?? null;
}
