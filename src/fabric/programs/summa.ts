/**
 * SUMMA: `C = A B` on P x P PEs in P steps; in step k column k floods its tiles of A along the rows and row k its
 * tiles of B down the columns (van de Geijn and Watts, 1997). One color per axis serves all roots: every router
 * first passes what comes from lower roots, then is the root, then passes what comes from higher ones. Nobody may
 * turn to the next root before the flood has passed the ends of the line, so both ends answer to the whole line.
 */

import type { Line } from '../collectives/line.js';
import { broadcast, column, row } from '../collectives/line.js';
import { MARK } from '../cores/core.js';
import { matmulWork } from '../local/work.js';
import type { Buffer, Color, Pe, Pending } from '../pe.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { meshOf } from './program.js';
import { assertSquare, gemmRun, multiplyTiles } from './tiles.js';

interface Tiles {
  readonly a: Buffer;
  readonly b: Buffer;
  readonly aStep: Buffer;
  readonly bStep: Buffer;
  readonly c: Buffer;
}

interface StepColors {
  readonly flood: Color;
  readonly first: Color;
  readonly last: Color;
}

/** The flood of step `root` on a line, ended when both ends of the line have answered. */
type Step = (
  pe: Pe,
  i: number,
  root: number,
  own: Buffer,
  into: Buffer,
  token: Buffer,
) => Generator<Pending, void, void>;

function floodSteps(line: Line, colors: StepColors): Step {
  const last = line.length - 1;
  const { flood } = colors;
  for (let i = 0; i <= last && last > 0; i++) {
    const away = [...(i < last ? [line.ahead] : []), ...(i > 0 ? [line.back] : [])];
    const fromLower = {
      rx: [line.back],
      tx: i < last ? (['RAMP', line.ahead] as const) : (['RAMP'] as const),
    };
    const fromHigher = { rx: [line.ahead], tx: i > 0 ? (['RAMP', line.back] as const) : (['RAMP'] as const) };
    line.mesh.route(line.at(i), flood, [
      ...(i > 0 ? [fromLower] : []),
      { rx: ['RAMP'], tx: away },
      ...(i < last ? [fromHigher] : []),
    ]);
  }
  const ends = [broadcast(line, 0, colors.first), broadcast(line, last, colors.last)];
  return function* (pe, i, root, own, into, token) {
    if (last === 0) return;
    // Up to here floods came from lower numbers; now it is this PE's turn.
    if (i === root && i > 0) pe.turn(flood);
    if (i === root) yield pe.send(flood, own.view(), MARK.depart);
    else yield pe.receive(flood, into.view());
    const answers = ends.map((end, side) => pe.fork('end', () => end(pe, i, token.view(side, 1))));
    for (const answer of answers) yield answer;
  };
}

function prepare(size: ProgramSize): Prepared {
  assertSquare(size);
  const mesh = meshOf(size);
  const pes = mesh.width;
  const t = Math.ceil(size.elements / pes);
  const tiles = new Map<Pe, Tiles>();

  // ── Layout ──
  const colorsOf = (name: string): StepColors => ({
    flood: mesh.color(`${name} flood`),
    first: mesh.color(`${name} first`),
    last: mesh.color(`${name} last`),
  });
  const [rowColors, columnColors] = [colorsOf('A'), colorsOf('B')];
  const alongRow = Array.from({ length: pes }, (_, y) => floodSteps(row(mesh, y), rowColors));
  const alongColumn = Array.from({ length: pes }, (_, x) => floodSteps(column(mesh, x), columnColors));
  for (let y = 0; y < pes; y++) {
    for (let x = 0; x < pes; x++) {
      const pe = mesh.pe({ x, y });
      const own: Tiles = {
        a: pe.buffer('A', size.type, t * t),
        b: pe.buffer('B', size.type, t * t),
        aStep: pe.buffer('A of the step', size.type, t * t),
        bStep: pe.buffer('B of the step', size.type, t * t),
        c: pe.buffer('C', size.type, t * t),
      };
      const rowToken = pe.buffer('row answers', 'f32', 2);
      const columnToken = pe.buffer('column answers', 'f32', 2);
      tiles.set(pe, own);

      // ── PE program ──
      const work = matmulWork(mesh.numbers, t, t, t, size.type);
      pe.main = function* () {
        for (let root = 0; root < pes; root++) {
          const floods = [
            pe.fork('flood A', () => alongRow[y]!(pe, x, root, own.a, own.aStep, rowToken)),
            pe.fork('flood B', () => alongColumn[x]!(pe, y, root, own.b, own.bStep, columnToken)),
          ];
          for (const flood of floods) yield flood;
          const a = x === root ? own.a : own.aStep;
          const b = y === root ? own.b : own.bStep;
          yield pe.compute(work, () => multiplyTiles(a, b, own.c, { m: t, k: t, n: t }), 'A B');
        }
      };
    }
  }

  // ── Host run ──
  return gemmRun(mesh, size, false, (pe) => ({ ...tiles.get(pe)!, row: pe.at.y, column: pe.at.x }));
}

export const SUMMA: FabricProgram = {
  name: 'gemm-summa',
  title: 'SUMMA: C = A B, tiles flooded along rows and columns',
  elementsAre: 'matrix side',
  prepare,
};
