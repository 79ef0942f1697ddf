/**
 * `C = A B` on P x P PEs by shifting tiles: A along the rows, B down the columns, P steps of multiply and shift
 * after both have been aligned. Cannon's algorithm shifts around the natural ring, MeshGEMM around the interleaved
 * one, whose ways are at most two hops; otherwise they are the same program. SUMMA is in summa.ts.
 */
import { column, row } from '../collectives/line.js';
import type { TilePair } from '../collectives/shift.js';
import {
  interleavedRing,
  naturalRing,
  ringShift,
  shiftAndMultiply,
  shiftColors,
} from '../collectives/shift.js';
import { matmulWork } from '../local/work.js';
import type { Buffer, Pe, Pending } from '../pe.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { meshOf } from './program.js';
import { assertSquare, gemmRun, multiplyTiles } from './tiles.js';

interface Tiles {
  readonly a: TilePair;
  readonly b: TilePair;
  readonly c: Buffer;
}

function prepare(size: ProgramSize, ring: readonly number[]): Prepared {
  assertSquare(size);
  const mesh = meshOf(size);
  const pes = mesh.width;
  const t = Math.ceil(size.elements / pes);
  const place = ring.map((_, i) => ring.indexOf(i));
  const tiles = new Map<Pe, Tiles>();

  // ── Layout ──
  const rowColors = shiftColors(row(mesh, 0), ring, 'A');
  const columnColors = shiftColors(column(mesh, 0), ring, 'B');
  const alongRow = Array.from({ length: pes }, (_, y) => ringShift(row(mesh, y), ring, rowColors));
  const alongColumn = Array.from({ length: pes }, (_, x) => ringShift(column(mesh, x), ring, columnColors));
  for (let y = 0; y < pes; y++) {
    for (let x = 0; x < pes; x++) {
      const pe = mesh.pe({ x, y });
      const pair = (name: string): TilePair => ({
        current: pe.buffer(name, size.type, t * t),
        spare: pe.buffer(`${name} spare`, size.type, t * t),
      });
      const own = { a: pair('A'), b: pair('B'), c: pe.buffer('C', size.type, t * t) };
      const token = { a: pe.buffer('A credit', 'f32', 2), b: pe.buffer('B credit', 'f32', 2) };
      tiles.set(pe, own);

      // ── PE program ──
      const shiftA = (): Generator<Pending, void, void> => alongRow[y]!(pe, x, own.a, token.a);
      const shiftB = (): Generator<Pending, void, void> => alongColumn[x]!(pe, y, own.b, token.b);
      const work = matmulWork(mesh.numbers, t, t, t, size.type);
      const at = { ringRow: place[y]!, ringColumn: place[x]!, pes };
      pe.main = () =>
        shiftAndMultiply(pe, at, shiftA, shiftB, () => {
          const { current: a } = own.a;
          const { current: b } = own.b;
          return pe.compute(work, () => multiplyTiles(a, b, own.c, { m: t, k: t, n: t }), 'A B');
        });
    }
  }

  // ── Host run ──
  return gemmRun(mesh, size, false, (pe) => {
    const { a, b, c } = tiles.get(pe)!;
    return { a: a.current, b: b.current, c, row: place[pe.at.y]!, column: place[pe.at.x]! };
  });
}

export const SHIFTED_GEMMS: readonly FabricProgram[] = [
  {
    name: 'gemm-cannon',
    title: 'Cannon: C = A B, tiles shifted around natural rings',
    elementsAre: 'matrix side',
    prepare: (size) => prepare(size, naturalRing(size.width)),
  },
  {
    name: 'gemm-mesh',
    title: 'MeshGEMM: C = A B, tiles shifted around interleaved rings, two hops at most',
    elementsAre: 'matrix side',
    prepare: (size) => prepare(size, interleavedRing(size.width)),
  },
];
