/** Cases of the kernels that read packed matrices, and of the quantiser that makes their inputs. */
import { embedding } from '#kernels/embedding/reference.js';
import { embedding as embeddingSpec } from '#kernels/embedding/spec.js';
import { matmul } from '#kernels/matmul/reference.js';
import { type MatmulShape, matmul as matmulSpec, scratchBytes } from '#kernels/matmul/spec.js';
import { matvec } from '#kernels/matvec/reference.js';
import { matvec as matvecSpec } from '#kernels/matvec/spec.js';
import { unpack } from '#kernels/pack/reference.js';
import type { MatrixShape } from '#kernels/pack/spec.js';
import { quantize } from '#kernels/quantize/reference.js';
import { quantize as quantizeSpec } from '#kernels/quantize/spec.js';
import { isBlockType, quantOf, type WeightType, weightTypes } from '#kernels/quants/index.js';
import { isBlockQuant } from '#kernels/quants/quant.js';
import { Rng } from '#src/core/rng.js';
import { quantize as encode } from '#src/formats/quantize.js';
import {
  idOf,
  type KernelMachine,
  type Matrix,
  matrixOf,
  normals,
  packMatrix,
  quantizeVector,
  randomMatrix,
} from '../helpers/kernels.js';
import { type Case, exactly, type Result, result } from './case.js';

const label = ({ type, rows, columns }: MatrixShape): string => `${type} [${rows}, ${columns}]`;

export function packCase(shape: MatrixShape, seed: number): Case {
  return {
    kernel: 'pack',
    shape: label(shape),
    seed,
    run: (machine) => [packed(machine, randomMatrix(new Rng(seed), shape.type, shape.rows, shape.columns))],
  };
}

function packed(machine: KernelMachine, matrix: Matrix): Result {
  const { type, rows, columns, raw, values } = matrix;
  const bytes = (machine.kernels.groupBytes(idOf(type), columns) * Math.ceil(rows / 8)) | 0;
  const actual = unpack(
    new DataView(machine.bytes(packMatrix(machine, matrix), bytes).buffer),
    matrix,
    machine.variant,
  );
  const elements: ArrayLike<number> = isBlockType(type)
    ? values
    : type === 'F32'
      ? new Uint32Array(raw.buffer)
      : new Uint16Array(raw.buffer);
  const expected = new Float64Array(actual.length);
  expected.set(Array.from(elements));
  return exactly('W and zeros in the last group', actual, expected);
}

export function embeddingCase(shape: MatrixShape, row: number, seed: number): Case {
  return {
    kernel: 'embedding',
    shape: `${label(shape)} row ${row}`,
    seed,
    run: (machine) => {
      const { type, columns } = shape;
      const matrix = randomMatrix(new Rng(seed), type, shape.rows, columns);
      const w = packMatrix(machine, matrix);
      const x = machine.output('x', columns * 4);
      machine.kernels.embedding(idOf(type), w, row, columns, x);
      const expected = embedding(matrix.values, row, columns);
      return [result('x', machine.floats(x, columns), expected, embeddingSpec.tolerance, shape)];
    },
  };
}

/** What happens to W or x before they are stored. */
interface Spoilt {
  readonly name: string;
  readonly w?: (weights: Float32Array) => void;
  readonly x?: (x: Float32Array) => void;
}

function spoiltMatrix(
  rng: Rng,
  { type, rows, columns }: MatrixShape,
  spoil: NonNullable<Spoilt['w']>,
): Matrix {
  const weights = normals(rng, rows * columns);
  spoil(weights);
  return matrixOf(type, rows, columns, encode(weights, type));
}

export function matvecCase(shape: MatrixShape, seed: number, spoilt: Spoilt | null = null): Case {
  return {
    kernel: 'matvec',
    shape: label(shape) + (spoilt ? `, ${spoilt.name}` : ''),
    seed,
    run: (machine) => {
      const { type, rows, columns } = shape;
      const rng = new Rng(seed);
      const x = normals(rng, columns);
      spoilt?.x?.(x);
      const matrix = spoilt?.w ? spoiltMatrix(rng, shape, spoilt.w) : randomMatrix(rng, type, rows, columns);
      const w = packMatrix(machine, matrix);
      const input = vector(machine, type, x);
      const padded = Math.ceil(rows / 8) * 8;
      const y = machine.output('y', padded * 4);
      machine.kernels.matvec(idOf(type), w, 0, padded / 8, columns, input.address, y, 0, 0);
      const actual = machine.floats(y, padded);
      const expected = matvec(matrix.values, input.values, matrix.magnitudes);
      const zeroRows = matvec(new Float32Array((padded - rows) * columns), input.values);
      return [
        result('y', actual.subarray(0, rows), expected, matvecSpec.tolerance, shape),
        exactly('y of the rows after the last', actual.subarray(rows), zeroRows.values),
      ];
    },
  };
}

/** Rows [8 * groupFrom, 8 * groupTo) only, with gaps between the rows of X and Y that must stay as they are. */
export function matmulCase(shape: MatmulShape, seed: number): Case {
  return {
    kernel: 'matmul',
    shape: `${label(shape)} x ${shape.count}`,
    seed,
    run: (machine) => {
      const { type, rows, columns, count } = shape;
      const rng = new Rng(seed);
      const matrix = randomMatrix(rng, type, rows, columns);
      const w = packMatrix(machine, matrix);
      const inputs = vectors(machine, type, normals(rng, count * columns), columns);
      const groups = Math.ceil(rows / 8);
      const yStride = groups * 32 + 64;
      const y = machine.output('Y', count * yStride);
      const scratch = machine.output('scratch', scratchBytes(columns, count));
      const { kernels } = machine;
      kernels.matmul(
        idOf(type),
        w,
        0,
        groups,
        columns,
        inputs.address,
        inputs.stride,
        count,
        y,
        yStride,
        0,
        scratch,
      );
      const actual = new Float32Array(count * rows);
      const gaps: number[] = [];
      for (let m = 0; m < count; m++) {
        const row = machine.floats(y + m * yStride, yStride / 4);
        actual.set(row.subarray(0, rows), m * rows);
        gaps.push(...row.subarray(groups * 8));
      }
      const expected = matmul(matrix.values, inputs.values, columns, matrix.magnitudes);
      return [
        result('Y', actual, expected, matmulSpec.tolerance, shape),
        exactly('gaps in Y', Float32Array.from(gaps), new Float32Array(gaps.length).fill(Number.NaN)),
      ];
    },
  };
}

/** x [columns] as a type's kernels take it, and the values that it stands for. */
export function vector(
  machine: KernelMachine,
  type: MatrixShape['type'],
  x: Float32Array<ArrayBuffer>,
): { address: number; values: Float64Array } {
  if (!isBlockType(type)) return { address: machine.input('x', x), values: Float64Array.from(x) };
  const { address, quants, scales } = quantizeVector(machine, x);
  return { address, values: Float64Array.from(quants, (quant, c) => quant * scales[c >> 5]!) };
}

/** X [count, columns] likewise, with a gap after each row. */
export function vectors(
  machine: KernelMachine,
  type: MatrixShape['type'],
  x: Float32Array<ArrayBuffer>,
  columns: number,
): { address: number; stride: number; values: Float64Array } {
  const count = x.length / columns;
  const bytes = isBlockType(type) ? machine.kernels.quantizedBytes(columns) : columns * 4;
  const stride = Math.ceil(bytes / 64) * 64 + 64;
  const all = new Uint8Array(count * stride).fill(0xff);
  const values = new Float64Array(x.length);
  for (let m = 0; m < count; m++) {
    const row = vector(machine, type, x.slice(m * columns, (m + 1) * columns));
    all.set(machine.bytes(row.address, bytes), m * stride);
    values.set(row.values, m * columns);
  }
  return { address: machine.input('X', all), stride, values };
}

export function quantizeCase(name: string, values: (rng: Rng) => ArrayLike<number>, seed: number): Case {
  return {
    kernel: 'quantize',
    shape: name,
    seed,
    run: (machine) => {
      const x = Float32Array.from(values(new Rng(seed)));
      const shape = { columns: x.length };
      const { quants, bytes, scales, sums } = quantizeVector(machine, x);
      const expected = quantize(x);
      const magnitudes = expected.scales.map(Math.abs);
      return [
        { name: 'scales', actual: scales, expected: { values: expected.scales, magnitudes }, ...oneRounding },
        result('quants', Float64Array.from(quants), expected.quotients, quantizeSpec.tolerance, shape),
        exactly(
          'quants as bytes',
          Float64Array.from(bytes),
          quants.map((_, c) => quants[byteColumn(c)]!),
        ),
        exactly(
          'sums',
          Float64Array.from(sums),
          sums.map((_, i) => sum(quants.subarray(i * 16, i * 16 + 16))),
        ),
      ];
    },
  };
}

const oneRounding = { maxError: 2 ** -24, nmse: 2 ** -48 };
const sum = (numbers: Int16Array): number => numbers.reduce((a, b) => a + b, 0);
/** Which column the byte form holds at place c. */
const byteColumn = (c: number): number => (c & ~7) + [0, 4, 1, 5, 2, 6, 3, 7][c & 7]!;

const floatShapes = [
  [1, 1],
  [7, 1],
  [8, 3],
  [1, 33],
  [13, 5],
  [16, 64],
  [37, 100],
] as const;
const blockShapes = [
  [1, 32],
  [3, 32],
  [8, 64],
  [13, 96],
  [24, 32],
  [37, 288],
] as const;

/** Rows and columns; blocks of more than 32 columns make the rows as many times longer. */
function shapesOf(type: WeightType): readonly (readonly [rows: number, columns: number])[] {
  const quant = quantOf(type);
  if (!isBlockQuant(quant)) return floatShapes;
  return blockShapes.map(([rows, columns]) => [rows, (columns * quant.block) / 32]);
}

const shapes: readonly MatrixShape[] = weightTypes.flatMap((type) =>
  shapesOf(type).map(([rows, columns]) => ({ type, rows, columns })),
);

export const matrixCases: readonly Case[] = [
  ...shapes.map((shape, i) => packCase(shape, 100 + i)),
  ...shapes.map((shape, i) => embeddingCase(shape, shape.rows - 1, 200 + i)),
  ...shapes.map((shape, i) => matvecCase(shape, 300 + i)),
  ...weightTypes.map((type, i) =>
    matvecCase({ type, rows: 13, columns: 2 * Math.max(32, quantOf(type).block) }, 360 + i, {
      name: 'NaN in x',
      x: (x) => x.fill(Number.NaN, 41, 42),
    }),
  ),
  ...(['F32', 'F16', 'BF16'] as const).flatMap((type, i) => [
    matvecCase({ type, rows: 13, columns: 33 }, 370 + i, {
      name: 'infinities in x',
      x: (x) => x.fill(Number.POSITIVE_INFINITY, 3, 4).fill(Number.NEGATIVE_INFINITY, 20, 21),
    }),
    matvecCase({ type, rows: 13, columns: 33 }, 380 + i, {
      name: 'tiny x',
      x: (x) => x.set(x.map((value) => value * 1e-40)),
    }),
  ]),
  // Halves in a matrix must be finite: see loadFour in kernels/common.
  ...(['F32', 'BF16'] as const).flatMap((type, i) => [
    matvecCase({ type, rows: 13, columns: 33 }, 390 + i, {
      name: 'NaN and infinity in W',
      w: (w) => w.fill(Number.NaN, 5 * 33, 5 * 33 + 1).fill(Number.POSITIVE_INFINITY, 9 * 33, 9 * 33 + 1),
    }),
  ]),
  ...shapes.flatMap((shape, i) =>
    [1, 3, 4, 9].map((count, j) => matmulCase({ ...shape, count }, 400 + 10 * i + j)),
  ),
  ...[32, 64, 288].map((columns, i) => quantizeCase(`[${columns}]`, (rng) => normals(rng, columns), 900 + i)),
  quantizeCase('[32] of zeros', () => new Float32Array(32), 910),
  quantizeCase(
    '[32] of halves of a step',
    () => Float32Array.from({ length: 32 }, (_, i) => (i === 0 ? 127 : i - 15.5)),
    911,
  ),
  quantizeCase('[64] from 1e-30 to 1e30', (rng) => normals(rng, 64).map((v, i) => v * 10 ** (i - 32)), 912),
  ...[-45, -40, -38, -37, -36, 36, 38].map((power, i) =>
    quantizeCase(`[32] of 1e${power}`, (rng) => normals(rng, 32).map((v) => v * 10 ** power), 913 + i),
  ),
  quantizeCase('[32] with Infinity', (rng) => normals(rng, 32).fill(Number.NEGATIVE_INFINITY, 7, 8), 920),
  ...Array.from({ length: 32 }, (_, at) =>
    quantizeCase(`[32] with NaN at ${at}`, (rng) => normals(rng, 32).fill(Number.NaN, at, at + 1), 930 + at),
  ),
];
