/** What a kind of model is, as a row of families.ts: its architecture here, its keys, and where its tensors go. */

import {
  columnsOf,
  type LastRun,
  type Matrix,
  mapped,
  part,
  permuted,
  rowsOf,
  shaped,
  small,
  transposed,
} from '../matrix.js';
import type { FolderConfig, Keys } from './config.js';

/** What changes of tensors look at. */
export interface Use {
  readonly config: FolderConfig;
  readonly last: LastRun;
}

export type Change = (matrix: Matrix, use: Use) => Matrix;

export interface Place {
  readonly to: string;
  readonly change: Change;
}

/** A name for a tensor as it is, a place with a change, or several places of parts of it. */
export type Target = string | Place | readonly Place[];

/**
 * By the stored name within a layer, without `.weight` and `.bias`, which the target keeps; or with all of it, where the
 * target is complete. `#` is the number of an expert or a head: those are stacked.
 */
export type Names = Readonly<Record<string, Target>>;

export interface Family {
  readonly architecture: string;
  readonly names: Names;
  /** Names outside the layers, where not the usual ones. */
  readonly outside?: Names;
  /** Keys beyond those that all have. */
  readonly keys?: (config: FolderConfig) => Keys;
  /** Dimensions that turn, where not the usual share. */
  readonly turning?: (config: FolderConfig) => number;
  /** Values of config.json that the architecture computes; others are refused. */
  readonly only?: Readonly<Record<string, readonly unknown[]>>;
  /** All but every so many layers see the window; left out where architecture and GGUF know of none. */
  readonly period?: number;
  /** The type that a GGUF file of it has: a scan sums up what others lose who round activations to BF16. */
  readonly writtenAs?: 'f16';
  /** What others who read GGUF cannot take, a sentence. */
  readonly limit?: (config: FolderConfig) => string | null;
  /** Positions turn in the layers with a window alone. */
  readonly turnsInWindows?: boolean;
}

export const at = (to: string, change: Change): Place => ({ to, change });

/** Partners in RoPE are neighbours in GGUF and half a head apart here. */
const neighbours =
  (headDim: number, first = 0, turned = headDim) =>
  (row: number): number => {
    const inTurned = (row % headDim) - first;
    if (inTurned < 0 || inTurned >= turned) return row % headDim;
    return first + (inTurned % 2) * (turned / 2) + Math.floor(inTurned / 2);
  };

/** Rows of queries or keys whose partners in RoPE become neighbours. */
export const turned: Change = (matrix, { config, last }) => {
  const dim = config.headDim;
  const asRows = matrix.shape.length === 1 ? small(matrix, [matrix.shape[0]!, 1]) : matrix;
  const result = permuted(asRows, dim, neighbours(dim), last);
  return matrix.shape.length === 1 ? small(result, matrix.shape) : result;
};

/** The same of the last rows of every head, or of all of them, in latent attention. */
export const turnedEnds =
  (headDim: (config: FolderConfig) => number, ends: (config: FolderConfig) => number): Change =>
  (matrix, { config, last }) => {
    if (config.flag('rope_interleave', true)) return matrix;
    const [dim, end] = [headDim(config), ends(config)];
    return permuted(matrix, dim, neighbours(dim, dim - end, end), last);
  };

/** Of every so many rows some; of a vector, elements. */
export const rows =
  (
    cut: (config: FolderConfig, matrix: Matrix) => readonly [period: number, first: number, count: number],
  ): Change =>
  (matrix, { config }) => {
    const [period, first, count] = cut(config, matrix);
    if (matrix.shape.length > 1) {
      const result = part(matrix, period, first, count);
      return matrix.shape.length > 2 && period === matrix.shape.at(-2)
        ? shaped(result, [...matrix.shape.slice(0, -2), count, columnsOf(matrix)])
        : result;
    }
    const result = part(small(matrix, [matrix.shape[0]!, 1]), period, first, count);
    return small(result, [rowsOf(result)]);
  };

/** One of two equal runs of the rows of a matrix, or of each of a stack. */
export const half = (which: 0 | 1): Change =>
  rows((_, { shape }) => {
    const all = shape.length > 1 ? shape.at(-2)! : shape[0]!;
    return [all, which * (all / 2), all / 2];
  });

/** Every second row of a matrix, or of each of a stack. */
export const every = (which: 0 | 1): Change => rows(() => [2, which, 1]);

export const flipped: Change = (matrix, { last }) =>
  matrix.shape.length > 1 ? transposed(matrix, last) : matrix;

/** Norms that keep their weight less one. */
export const plusOne: Change = (matrix) => small(matrix, matrix.shape, (value) => value + 1);

/** The decay of a scan, whose logarithm is stored. */
export const decay =
  (shape: (matrix: Matrix) => readonly number[]): Change =>
  (matrix) =>
    small(matrix, shape(matrix), (value) => -Math.exp(value));

/** Small and in float32, under another shape. */
export const as =
  (shape: (matrix: Matrix, config: FolderConfig) => readonly number[]): Change =>
  (matrix, { config }) =>
    small(matrix, shape(matrix, config));

/** Times a number of the config. */
export const times =
  (factor: (config: FolderConfig) => number | ((row: number) => number)): Change =>
  (matrix, { config }) => {
    const by = factor(config);
    if (by === 1) return matrix;
    return mapped(matrix, typeof by === 'number' ? (value) => value * by : (value, row) => value * by(row));
  };
