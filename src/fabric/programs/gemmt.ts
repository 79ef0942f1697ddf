/**
 * `C = A B^T` (scores from Q and K) on P x P PEs without transposing anything: tiles of B move down the columns around
 * the interleaved ring, and in each of P steps the rows of PEs add up one tile of C (GEMM-T of He et al., "WaferLLM",
 * OSDI 2025). The sum goes to the whole row; the PE whose tile it is keeps it.
 */
import { reduceAlong } from '../../placement/reduce.js';
import { allreduce, allreduceColors } from '../collectives/allreduce.js';
import { column, row } from '../collectives/line.js';
import type { TilePair } from '../collectives/shift.js';
import { interleavedRing, ringShift, shiftColors } from '../collectives/shift.js';
import { elementWork, matmulWork } from '../local/work.js';
import type { Buffer, Pe } from '../pe.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { meshOf } from './program.js';
import { assertSquare, gemmRun, multiplyTiles } from './tiles.js';

interface Tiles {
  readonly a: Buffer;
  readonly b: TilePair;
  readonly sum: Buffer;
  readonly c: Buffer;
}

function prepare(size: ProgramSize): Prepared {
  assertSquare(size);
  const mesh = meshOf(size);
  const pes = mesh.width;
  const t = Math.ceil(size.elements / pes);
  const ring = interleavedRing(pes);
  const place = ring.map((_, i) => ring.indexOf(i));
  const tiles = new Map<Pe, Tiles>();

  // ── Layout ──
  const shiftIn = shiftColors(column(mesh, 0), ring, 'B');
  const sumIn = allreduceColors(row(mesh, 0), 'sum');
  const reduce = reduceAlong('x', pes);
  const alongRow = Array.from({ length: pes }, (_, y) => allreduce(row(mesh, y), reduce, sumIn));
  const alongColumn = Array.from({ length: pes }, (_, x) => ringShift(column(mesh, x), ring, shiftIn));
  for (let y = 0; y < pes; y++) {
    for (let x = 0; x < pes; x++) {
      const pe = mesh.pe({ x, y });
      const own: Tiles = {
        a: pe.buffer('A', size.type, t * t),
        b: { current: pe.buffer('B', size.type, t * t), spare: pe.buffer('B spare', size.type, t * t) },
        sum: pe.buffer('sum', size.type, t * t),
        c: pe.buffer('C', size.type, t * t),
      };
      const token = pe.buffer('B credit', 'f32', 2);
      tiles.set(pe, own);

      // ── PE program ──
      const work = matmulWork(mesh.numbers, t, t, t, size.type);
      const copy = elementWork(mesh.numbers, t * t, 1, size.type);
      pe.main = function* () {
        for (let step = 0; step < pes; step++) {
          const { current: b } = own.b;
          yield pe.compute(
            work,
            () => {
              own.sum.write(new Float32Array(t * t));
              multiplyTiles(own.a, b, own.sum, { m: t, k: t, n: t }, true);
            },
            'A B^T',
          );
          const shifted =
            step < pes - 1 ? pe.fork('shift B', () => alongColumn[x]!(pe, y, own.b, token)) : null;
          yield* alongRow[y]!(pe, x, own.sum.view());
          // After `step` shifts the rows of B that are here came from `step` places back in the ring.
          const column = ring[(place[y]! - step + pes) % pes]!;
          if (x === column) yield pe.compute(copy, () => own.c.write(own.sum.read()), 'keep');
          if (shifted !== null) yield shifted;
        }
      };
    }
  }

  // ── Host run ──
  return gemmRun(mesh, size, true, (pe) => {
    const { a, b, c } = tiles.get(pe)!;
    return { a, b: b.current, c, row: pe.at.y, column: pe.at.x };
  });
}

export const GEMM_T: FabricProgram = {
  name: 'gemm-t',
  title: 'GEMM-T: C = A B^T, tiles of B shifted down, sums along the rows',
  elementsAre: 'matrix side',
  prepare,
};
