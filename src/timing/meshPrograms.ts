/**
 * What the mesh programs that can be run by name cost, in closed form: local work, collectives, shifts. A test
 * holds these forms against the cycle-level simulation; each is a sum of terms that can be read off the program.
 */
import type { WaferNumbers } from '../machine/wafers.js';
import {
  broadcast2dCycles,
  broadcastCycles,
  chainAllreduceCycles,
  chainReduceCycles,
  ktreeAllreduceCycles,
  type Line,
  ringAllreduceCycles,
  starReduceCycles,
  stepCycles,
  treeReduceCycles,
  twoPhaseReduceCycles,
} from './collectives.js';

export interface MeshProgramSize {
  readonly width: number;
  readonly height: number;
  readonly elements: number;
  readonly type: 'f32' | 'f16';
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
function shiftedGemm(longestWay: (pes: number) => number): Form {
  return (size, numbers) => {
    const { pes, wavelets, computeCycles } = gemmStep(size, numbers);
    if (pes === 1) return computeCycles;
    const way = stepCycles(numbers.rampLatencyCycles) + longestWay(pes);
    const shift = 2 * wavelets + 2 * way + 2;
    return (pes - 1) * (shift + Math.max(computeCycles, shift)) + computeCycles;
  };
}

/** Per step: both floods over one ramp to the far end, the ends' answers over the whole line, the multiplication. */
const summa: Form = (size, numbers) => {
  const { pes, wavelets, computeCycles } = gemmStep(size, numbers);
  if (pes === 1) return computeCycles;
  const { rampLatencyCycles } = numbers;
  // The far end is between P / 2 and P - 1 hops away, 3/4 P on average over the roots.
  const flood = 2 * wavelets + 0.75 * pes + stepCycles(rampLatencyCycles);
  return pes * (flood + pes + stepCycles(rampLatencyCycles) + computeCycles);
};

const gemmT: Form = (size, numbers) => {
  const { pes, wavelets, computeCycles } = gemmStep(size, numbers);
  const sum = ktreeAllreduceCycles({ pes, wavelets, rampLatencyCycles: numbers.rampLatencyCycles });
  const lanes = size.type === 'f32' ? numbers.lanesF32 : numbers.lanesF16;
  const keep = numbers.vectorStartCycles + Math.ceil(Math.ceil(size.elements / pes) ** 2 / lanes);
  return pes * (computeCycles + sum + keep);
};

/** One entry per row passes through every row; short entries wait once for the way between two rows. */
const kvShift: Form = ({ height, elements, type }, { rampLatencyCycles }) => {
  const wavelets = waveletsOf(elements, type);
  return (
    height * wavelets + (height > 1 && wavelets < stepCycles(rampLatencyCycles) ? 2 * rampLatencyCycles : 0)
  );
};

const handOver: Form = ({ width, elements, type }, { rampLatencyCycles }) =>
  broadcastCycles({ pes: width - (width >> 1) + 1, wavelets: waveletsOf(elements, type), rampLatencyCycles });

const FORMS: Readonly<Record<string, Form>> = {
  broadcast: ({ width, height, elements, type }, { rampLatencyCycles }) =>
    broadcast2dCycles(width, height, waveletsOf(elements, type), rampLatencyCycles),
  'reduce-star': onBothAxes(starReduceCycles),
  'reduce-chain': onBothAxes(chainReduceCycles),
  'reduce-tree': onBothAxes(treeReduceCycles),
  'reduce-two-phase': onBothAxes(twoPhaseReduceCycles),
  'allreduce-ring': onBothAxes(ringAllreduceCycles),
  'allreduce-chain': onBothAxes(chainAllreduceCycles),
  'allreduce-ktree': onBothAxes(ktreeAllreduceCycles),
  gemv: gemv(ktreeAllreduceCycles),
  'gemv-chain': gemv(chainAllreduceCycles),
  'gemm-summa': summa,
  'gemm-cannon': shiftedGemm((pes) => pes - 1),
  'gemm-mesh': shiftedGemm((pes) => Math.min(2, pes - 1)),
  'gemm-t': gemmT,
  'kv-shift': kvShift,
  'hand-over': handOver,
};

/** Predicted cycles of a mesh program by its name, or null where there is no closed form for it. */
export function predictMeshProgram(
  name: string,
  size: MeshProgramSize,
  numbers: WaferNumbers,
): number | null {
  return FORMS[name]?.(size, numbers) ?? null;
}
