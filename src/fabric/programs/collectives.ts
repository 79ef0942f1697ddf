/**
 * Broadcast, reduces and all-reduces as programs of their own. On one row or column they run along it; on a
 * rectangle along all rows and then along the first column (reduces) or all columns (all-reduces).
 */
import { ktreeGroup, reduceAlong } from '../../placement/reduce.js';
import { allreduce, allreduceColors, ringAllreduce, ringColors } from '../collectives/allreduce.js';
import { generatedTree, treeCycles } from '../collectives/autotree.js';
import type { Line, Part } from '../collectives/line.js';
import { column, row } from '../collectives/line.js';
import type { ReduceTree } from '../collectives/reduce.js';
import {
  binaryTree,
  chainTree,
  reduceColors,
  reduceTree,
  starTree,
  twoPhaseTree,
} from '../collectives/reduce.js';
import type { Mesh, Route } from '../mesh.js';
import type { Buffer, Pe } from '../pe.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { fillRandom, largestDifference, meshOf, waveletsOf, worstOf } from './program.js';

/** One buffer on every PE, and where the result has to stand. */
interface Stage {
  readonly mesh: Mesh;
  readonly data: (x: number, y: number) => Buffer;
}

function stageOf(size: ProgramSize): Stage {
  const mesh = meshOf(size);
  const buffers = new Map<Pe, Buffer>();
  for (let y = 0; y < mesh.height; y++) {
    for (let x = 0; x < mesh.width; x++) {
      const pe = mesh.pe({ x, y });
      buffers.set(pe, pe.buffer('data', size.type, size.elements));
    }
  }
  return { mesh, data: (x, y) => buffers.get(mesh.pe({ x, y }))! };
}

function prepared(size: ProgramSize, stage: Stage, kind: 'broadcast' | 'reduce' | 'allreduce'): Prepared {
  const { mesh, data } = stage;
  let wanted = new Float64Array(size.elements);
  return {
    mesh,
    wavelets: waveletsOf(size.elements, size.type),
    load(rng) {
      wanted = new Float64Array(size.elements);
      for (const pe of mesh.pes.values()) {
        const buffer = data(pe.at.x, pe.at.y);
        const isRoot = pe.at.x === 0 && pe.at.y === 0;
        if (kind === 'broadcast' && !isRoot) continue;
        fillRandom(buffer, rng);
        for (const [i, value] of buffer.read().entries()) wanted[i]! += value;
      }
    },
    maxAbsError() {
      if (kind === 'reduce') return largestDifference(data(0, 0).read(), wanted);
      return worstOf(mesh.pes.values(), ({ at }) => largestDifference(data(at.x, at.y).read(), wanted));
    },
  };
}

/** One flood over the rectangle: EAST along the first row, and from every PE of it SOUTH. */
function prepareBroadcast(size: ProgramSize): Prepared {
  const stage = stageOf(size);
  const { mesh, data } = stage;
  const flood = mesh.color('flood');
  const { width, height } = mesh;
  for (let y = 0; y < height && width * height > 1; y++) {
    for (let x = 0; x < width; x++) {
      const tx: Route['tx'] = [
        ...(y === 0 && x + 1 < width ? (['EAST'] as const) : []),
        ...(y + 1 < height ? (['SOUTH'] as const) : []),
        ...(x + y > 0 ? (['RAMP'] as const) : []),
      ];
      // flood: the root sends EAST and SOUTH; the first row receives from WEST, the others from NORTH.
      mesh.route({ x, y }, flood, { rx: [y > 0 ? 'NORTH' : x > 0 ? 'WEST' : 'RAMP'], tx });
      const pe = mesh.pe({ x, y });
      const view = data(x, y).view();
      pe.main = function* () {
        yield x + y === 0 ? pe.send(flood, view) : pe.receive(flood, view);
      };
    }
  }
  return prepared(size, stage, 'broadcast');
}

/** Runs `along(row)` on every row and then `along(column)` on the first column, or on all of them. */
function prepareLines(
  size: ProgramSize,
  kind: 'reduce' | 'allreduce',
  along: (line: Line, name: string) => (line: Line) => Part,
): Prepared {
  const stage = stageOf(size);
  const { mesh, data } = stage;
  const { width, height } = mesh;
  const onRow = width > 1 ? along(row(mesh, 0), 'row') : null;
  const onColumn = height > 1 ? along(column(mesh, 0), 'column') : null;
  const rows = Array.from({ length: height }, (_, y) => onRow?.(row(mesh, y)));
  const columns = Array.from({ length: kind === 'reduce' ? 1 : width }, (_, x) =>
    onColumn?.(column(mesh, x)),
  );
  for (const pe of mesh.pes.values()) {
    const { x, y } = pe.at;
    const view = data(x, y).view();
    pe.main = function* () {
      const first = rows[y];
      if (first !== undefined) yield* first(pe, x, view);
      const second = columns[x];
      if (second !== undefined) yield* second(pe, y, view);
    };
  }
  return prepared(size, stage, kind);
}

function reduceProgram(
  name: string,
  title: string,
  tree: (pes: number, wavelets: number, ramp: number) => ReduceTree,
): FabricProgram {
  return {
    name: `reduce-${name}`,
    title,
    elementsAre: 'elements per PE',
    prepare(size) {
      const wavelets = waveletsOf(size.elements, size.type);
      let modelCycles = 0;
      const lines = prepareLines(size, 'reduce', (first, axis) => {
        const { rampLatencyCycles } = first.mesh.numbers;
        const shape = tree(first.length, wavelets, rampLatencyCycles);
        const colors = reduceColors(first, shape, axis);
        modelCycles += treeCycles(shape, wavelets, rampLatencyCycles);
        return (line) => reduceTree(line, shape, colors);
      });
      return { ...lines, modelCycles };
    },
  };
}

function allreduceProgram(name: string, title: string, algorithm: 'chain' | 'ktree'): FabricProgram {
  return {
    name: `allreduce-${name}`,
    title,
    elementsAre: 'elements per PE',
    prepare: (size) =>
      prepareLines(size, 'allreduce', (first, axis) => {
        const colors = allreduceColors(first, axis);
        return (line) =>
          allreduce(line, { ...reduceAlong(axis === 'row' ? 'x' : 'y', line.length), algorithm }, colors);
      }),
  };
}

export const COLLECTIVES: readonly FabricProgram[] = [
  {
    name: 'broadcast',
    title: 'Multicast flood from the north-west corner',
    elementsAre: 'elements sent',
    prepare: prepareBroadcast,
  },
  reduceProgram('star', 'Everyone sends to the root, nearest first', starTree),
  reduceProgram('chain', 'The vendor’s pipelined chain', chainTree),
  reduceProgram('tree', 'Binary tree', binaryTree),
  reduceProgram('two-phase', 'Chains in groups of about sqrt P, then over the groups', (pes) =>
    twoPhaseTree(pes, ktreeGroup(pes)),
  ),
  reduceProgram('auto', 'The tree that the cost model likes best', generatedTree),
  {
    name: 'allreduce-ring',
    title: 'Ring, its ends joined by one long way',
    elementsAre: 'elements per PE',
    prepare: (size) =>
      prepareLines(size, 'allreduce', (first, axis) => {
        const colors = ringColors(first, axis);
        return (line) => ringAllreduce(line, colors);
      }),
  },
  allreduceProgram('chain', 'Chain to one end, then a flood back', 'chain'),
  allreduceProgram('ktree', 'K-tree (K = 2) toward the centre, then a flood to both ends', 'ktree'),
];
