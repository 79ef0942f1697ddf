/**
 * `y = A x` on a rectangle: rows of A are cut along x, columns along y, so every PE holds one tile; x lies along y
 * and is the same in every column of PEs. Partial sums are reduced down each column and handed to all of it.
 * With the K-tree this is MeshGEMV (He et al., "WaferLLM", OSDI 2025), with the chain the vendor's way.
 */
import { reduceAlong } from '../../placement/reduce.js';
import { allreduce, allreduceColors } from '../collectives/allreduce.js';
import { column } from '../collectives/line.js';
import { matvec } from '../local/arithmetic.js';
import { matvecWork } from '../local/work.js';
import type { Buffer } from '../pe.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { fillRandom, largestDifference, meshOf, waveletsOf } from './program.js';

interface Tile {
  readonly a: Buffer;
  readonly x: Buffer;
  readonly y: Buffer;
}

/** Where part t of n elements starts when cut into `parts`. */
function partStart(n: number, parts: number, t: number): number {
  return Math.floor((t * n) / parts);
}

function prepare(size: ProgramSize, algorithm: 'chain' | 'ktree'): Prepared {
  const mesh = meshOf(size);
  const { width, height } = mesh;
  const n = size.elements;
  const tiles = new Map<number, Tile>();

  // ── Layout ──
  const first = column(mesh, 0);
  const colors = allreduceColors(first, 'sum');
  const reduce = { ...reduceAlong('y', height), algorithm };
  for (let x = 0; x < width; x++) {
    const sum = allreduce(column(mesh, x), reduce, colors);
    const rows = partStart(n, width, x + 1) - partStart(n, width, x);
    for (let y = 0; y < height; y++) {
      const columns = partStart(n, height, y + 1) - partStart(n, height, y);
      const pe = mesh.pe({ x, y });
      const tile = {
        a: pe.buffer('A', size.type, rows * columns),
        x: pe.buffer('x', size.type, columns),
        y: pe.buffer('y', size.type, rows),
      };
      tiles.set(mesh.index(pe.at), tile);

      // ── PE program ──
      pe.main = function* () {
        yield pe.compute(
          matvecWork(mesh.numbers, rows, columns, size.type),
          () => tile.y.write(matvec(tile.a.read(), tile.x.read(), rows)),
          'A x',
        );
        yield* sum(pe, y, tile.y.view());
      };
    }
  }

  // ── Host run ──
  let wanted = new Float64Array(n);
  return {
    mesh,
    wavelets: waveletsOf(Math.ceil(n / width), size.type),
    load(rng) {
      wanted = new Float64Array(n);
      for (let y = 0; y < height; y++) {
        const shared = tiles.get(mesh.index({ x: 0, y }))!.x;
        fillRandom(shared, rng);
        const values = shared.read();
        for (let x = 0; x < width; x++) {
          const tile = tiles.get(mesh.index({ x, y }))!;
          tile.x.write(values);
          fillRandom(tile.a, rng);
          const a = tile.a.read();
          const row = partStart(n, width, x);
          for (let r = 0; r < tile.y.length; r++) {
            for (let c = 0; c < values.length; c++)
              wanted[row + r]! += a[r * values.length + c]! * values[c]!;
          }
        }
      }
    },
    maxAbsError() {
      let worst = 0;
      for (const pe of mesh.pes.values()) {
        const { y } = tiles.get(mesh.index(pe.at))!;
        const row = partStart(n, width, pe.at.x);
        worst = Math.max(worst, largestDifference(y.read(), wanted.subarray(row, row + y.length)));
      }
      return worst;
    },
  };
}

export const GEMVS: readonly FabricProgram[] = [
  {
    name: 'gemv',
    title: 'MeshGEMV: y = A x with K-tree all-reduce down the columns',
    elementsAre: 'matrix side',
    prepare: (size) => prepare(size, 'ktree'),
  },
  {
    name: 'gemv-chain',
    title: 'y = A x with the vendor’s chain and a flood back',
    elementsAre: 'matrix side',
    prepare: (size) => prepare(size, 'chain'),
  },
];
