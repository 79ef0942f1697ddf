/** Square matrices cut into P x P equal tiles, padded with zeros, one tile per PE: the stage of the GEMMs. */
import { OptionError } from '../../core/errors.js';
import type { Rng } from '../../core/rng.js';
import type { Mesh } from '../mesh.js';
import type { Buffer } from '../pe.js';
import type { ProgramSize } from './program.js';
import { largestDifference } from './program.js';

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

/** A side x side matrix of numbers in [-1, 1). */
export function randomMatrix(side: number, rng: Rng): Float64Array {
  return Float64Array.from({ length: side * side }, () => 2 * rng.next() - 1);
}

/** Writes tile (row, column) of a matrix into a buffer, row by row; what lies beyond the matrix is zero. */
export function writeTile(
  buffer: Buffer,
  matrix: Float64Array,
  side: number,
  row: number,
  column: number,
): void {
  const t = Math.round(Math.sqrt(buffer.length));
  const values = new Float64Array(buffer.length);
  for (let r = 0; r < t; r++) {
    for (let c = 0; c < t; c++) {
      const [i, j] = [row * t + r, column * t + c];
      if (i < side && j < side) values[r * t + c] = matrix[i * side + j]!;
    }
  }
  buffer.write(values);
}

/** The values of a matrix as the element type keeps them. */
export function readTile(
  buffer: Buffer,
  matrix: Float64Array,
  side: number,
  row: number,
  column: number,
): void {
  const t = Math.round(Math.sqrt(buffer.length));
  const values = buffer.read();
  for (let r = 0; r < t; r++) {
    for (let c = 0; c < t; c++) {
      const [i, j] = [row * t + r, column * t + c];
      if (i < side && j < side) matrix[i * side + j] = values[r * t + c]!;
    }
  }
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
export function product(
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

/** The largest difference between the tiles that `tileOf` names and a matrix. */
export function tilesError(
  mesh: Mesh,
  matrix: Float64Array,
  side: number,
  tileOf: (
    x: number,
    y: number,
  ) => { readonly buffer: Buffer; readonly row: number; readonly column: number },
): number {
  const found = new Float64Array(side * side);
  for (const { at } of mesh.pes.values()) {
    const { buffer, row, column } = tileOf(at.x, at.y);
    readTile(buffer, found, side, row, column);
  }
  return largestDifference(found, matrix);
}
