/** Square matrices cut into P x P equal tiles, padded with zeros, one tile per PE: the stage of the GEMMs. */
import { OptionError } from '../../core/errors.js';
import type { Rng } from '../../core/rng.js';
import type { Mesh } from '../mesh.js';
import type { Buffer, Pe } from '../pe.js';
import type { Prepared, ProgramSize } from './program.js';
import { largestDifference, waveletsOf } from './program.js';

/** `OptionError` unless the rectangle is square, as shifts along both axes need it. */
export function assertSquare({ width, height }: ProgramSize): void {
  if (width === height) return;
  throw new OptionError({
    what: 'rectangle of a GEMM',
    given: `${width} x ${height} PEs`,
    expected: 'as many columns as rows',
    todo: 'Give a square, for example --pes 8x8.',
  });
}

/** Which tile of a matrix. */
interface Place {
  readonly row: number;
  readonly column: number;
}

/** The tiles of A, B and C that lie in one PE, all at the same place of their matrices. */
export interface PlacedTiles extends Place {
  readonly a: Buffer;
  readonly b: Buffer;
  readonly c: Buffer;
}

/** A side x side matrix of numbers in [-1, 1). */
function randomMatrix(side: number, rng: Rng): Float64Array {
  return Float64Array.from({ length: side * side }, () => 2 * rng.next() - 1);
}

/** Visits the elements of tile (row, column) of a matrix, t x t, that lie within it: where in the tile, where in all. */
function eachOfTile(
  t: number,
  side: number,
  { row, column }: Place,
  visit: (inTile: number, inMatrix: number) => void,
): void {
  for (let r = 0; r < t; r++) {
    for (let c = 0; c < t; c++) {
      const [i, j] = [row * t + r, column * t + c];
      if (i < side && j < side) visit(r * t + c, i * side + j);
    }
  }
}

/** Writes a tile of a matrix into a buffer, row by row; what lies beyond the matrix is zero. */
function writeTile(buffer: Buffer, matrix: Float64Array, side: number, place: Place): void {
  const values = new Float64Array(buffer.length);
  eachOfTile(Math.sqrt(buffer.length), side, place, (own, at) => {
    values[own] = matrix[at]!;
  });
  buffer.write(values);
}

/** The values of a tile as the element type keeps them. */
function readTile(buffer: Buffer, matrix: Float64Array, side: number, place: Place): void {
  const values = buffer.read();
  eachOfTile(Math.sqrt(buffer.length), side, place, (own, at) => {
    matrix[at] = values[own]!;
  });
}

export interface TileShape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** `c [m, n] += a [m, k] b` in f32, with b as [k, n] or transposed as [n, k]. */
export function multiplyTiles(
  a: Buffer,
  b: Buffer,
  c: Buffer,
  { m, k, n }: TileShape,
  transposed = false,
): void {
  const [left, right, sums] = [a.read(), b.read(), c.read()];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = sums[i * n + j]!;
      for (let l = 0; l < k; l++) {
        const weight = transposed ? right[j * k + l]! : right[l * n + j]!;
        sum = Math.fround(sum + Math.fround(left[i * k + l]! * weight));
      }
      sums[i * n + j] = sum;
    }
  }
  c.write(sums);
}

/** The product of two side x side matrices in float64; the second one transposed if asked. */
function product(
  a: Float64Array,
  b: Float64Array,
  side: number,
  transposed: boolean,
): Float64Array<ArrayBuffer> {
  const c = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    for (let k = 0; k < side; k++) {
      const left = a[i * side + k]!;
      for (let j = 0; j < side; j++)
        c[i * side + j]! += left * (transposed ? b[j * side + k]! : b[k * side + j]!);
    }
  }
  return c;
}

/** The host's part of a GEMM: random A and B into the tiles that `tilesOf` names, and the error of C. */
export function gemmRun(
  mesh: Mesh,
  { elements: side, type, width }: ProgramSize,
  transposed: boolean,
  tilesOf: (pe: Pe) => PlacedTiles,
): Prepared {
  let wanted = new Float64Array(0);
  return {
    mesh,
    wavelets: waveletsOf(Math.ceil(side / width) ** 2, type),
    load(rng) {
      const [a, b] = [randomMatrix(side, rng), randomMatrix(side, rng)];
      for (const pe of mesh.pes.values()) {
        const tiles = tilesOf(pe);
        for (const [buffer, matrix] of [
          [tiles.a, a],
          [tiles.b, b],
        ] as const) {
          writeTile(buffer, matrix, side, tiles);
          readTile(buffer, matrix, side, tiles);
        }
      }
      wanted = product(a, b, side, transposed);
    },
    maxAbsError() {
      const found = new Float64Array(side * side);
      for (const pe of mesh.pes.values()) {
        const tiles = tilesOf(pe);
        readTile(tiles.c, found, side, tiles);
      }
      return largestDifference(found, wanted);
    },
  };
}
