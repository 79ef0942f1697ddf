/** What the mesh programs have in common: how they are asked for, and how their numbers are checked. */
import { OptionError } from '../../core/errors.js';
import type { Rng } from '../../core/rng.js';
import type { WaferMachine } from '../../machine/wafers.js';
import { Mesh } from '../mesh.js';
import type { Buffer } from '../pe.js';
import { elementsPerWord } from '../pe.js';
import type { ByLines } from './by-lines.js';

export type NumberType = 'f32' | 'f16';

export interface ProgramSize {
  readonly machine: WaferMachine;
  readonly width: number;
  readonly height: number;
  /** Elements per PE for collectives, the matrix side for GEMV and GEMM. */
  readonly elements: number;
  readonly type: NumberType;
  /** Of a layer: its intermediate size, by default by Llama's rule; and its positions, by default as many as `elements`. */
  readonly ffn?: number | undefined;
  readonly context?: number | undefined;
}

/** A program laid out on its mesh, ready for a host run: load, simulate, check. */
export interface Prepared {
  readonly mesh: Mesh;
  /** Wavelets of one PE's share, the B of the closed forms. */
  readonly wavelets: number;
  /** What the cost model that shaped the program expects of it, for programs that are generated. */
  readonly modelCycles?: number;
  load(rng: Rng): void;
  /** The largest difference to the same sums in float64. */
  maxAbsError(): number;
}

/**
 * A mesh program of anybody's, the default export of a module: lays itself out for a size. What it answers may do
 * without numbers to load and without a check of its results.
 */
export type OwnProgram = (
  size: ProgramSize,
) => Mesh | (Pick<Prepared, 'mesh'> & Partial<Omit<Prepared, 'mesh'>>);

export interface FabricProgram {
  readonly name: string;
  readonly title: string;
  readonly elementsAre: string;
  prepare(size: ProgramSize): Prepared;
  /** The same cycles without numbers and in less memory, for programs that can. */
  cycles?(size: ProgramSize): ByLines;
}

/** Beyond any fabric: larger sides are slips of the pen. */
const MAX_SIDE = 1e6;

/** The mesh of a size, after its numbers have been checked. */
export function meshOf(size: ProgramSize): Mesh {
  wholeNumber('columns of PEs', size.width, MAX_SIDE);
  wholeNumber('rows of PEs', size.height, MAX_SIDE);
  wholeNumber('elements', size.elements, 2 ** 24);
  if (size.ffn !== undefined) wholeNumber('intermediate size', size.ffn, 2 ** 24);
  if (size.context !== undefined) wholeNumber('positions', size.context, 2 ** 24);
  return new Mesh(size.machine, size);
}

export function wholeNumber(what: string, given: number, max: number): void {
  if (Number.isInteger(given) && given >= 1 && given <= max) return;
  throw new OptionError({
    what,
    given: String(given),
    expected: `a whole number from 1 to ${max}`,
    todo: 'Correct the size.',
  });
}

export function waveletsOf(elements: number, type: NumberType): number {
  return Math.ceil(elements / elementsPerWord(type));
}

/** Fills a buffer with numbers from [-1, 1), rounded to its type. */
export function fillRandom(buffer: Buffer, rng: Rng): void {
  const values = new Float64Array(buffer.length);
  for (let i = 0; i < values.length; i++) values[i] = 2 * rng.next() - 1;
  buffer.write(values);
}

export function largestDifference(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(found[i]! - wanted[i]!);
    // A comparison with NaN is false: let it count as the worst there is.
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return worst;
}

/** The largest of many errors; a spread into `Math.max` would overflow the stack on a whole wafer. */
export function worstOf<T>(items: Iterable<T>, errorOf: (item: T) => number): number {
  let worst = 0;
  for (const item of items) worst = Math.max(worst, errorOf(item));
  return worst;
}
