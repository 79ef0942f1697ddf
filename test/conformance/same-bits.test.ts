/** Orders of sums that are promised bit by bit: rows at once, ranges of rows, tiles folded in a plan's order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromInt16 } from '#kernels/kv/reference.js';
import { scratchBytes } from '#kernels/matmul/spec.js';
import type { MatrixShape } from '#kernels/pack/spec.js';
import { isBlockType, quantOf, type WeightType, weightTypes } from '#kernels/quants/index.js';
import { Rng } from '#src/core/rng.js';
import {
  fillKv,
  idOf,
  type KernelMachine,
  type Matrix,
  machines,
  normals,
  packMatrix,
  quantizeVector,
  randomMatrix,
} from '../helpers/kernels.js';
import * as emulated from './emulate.js';
import { type Folds, firstDifference, foldsOf, foldTable } from './emulate.js';
import { vectors } from './matrices.case.js';

const folds = fc.record({
  algorithm: fc.constantFrom('chain', 'ktree'),
  parts: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 12 })),
} as const);
const seed = fc.nat();

/** Few runs: every one of them covers many rows, and the table covers the shapes. */
function always<T>(property: fc.IProperty<T>): void {
  fc.assert(property, { numRuns: 25, seed: 7 });
}

function shapeOf(type: WeightType): fc.Arbitrary<MatrixShape> {
  const columns = isBlockType(type)
    ? fc.integer({ min: 1, max: quantOf(type).block === 32 ? 10 : 3 }).map((n) => n * quantOf(type).block)
    : fc.integer({ min: 1, max: 130 });
  return fc.record({ type: fc.constant(type), rows: fc.integer({ min: 1, max: 50 }), columns });
}

/** A fold table in the machine's memory and scratch for it; 0 for one tile, as the engine does. */
function placed(machine: KernelMachine, of: Folds, bytesPerTile: number, least = 0): [number, number] {
  const scratch = machine.output('scratch', Math.max(least, of.reduce.parts * bytesPerTile));
  return [of.reduce.parts === 1 ? 0 : machine.input('fold table', foldTable(of)), scratch];
}

function expectSame(machine: KernelMachine, actual: Float32Array, expected: Float32Array): void {
  expect(machine.damage()).toEqual([]);
  expect(firstDifference(actual, expected)).toBeNull();
}

/** What matvec writes for the rows of a matrix: whole groups. */
function runMatvec(machine: KernelMachine, matrix: Matrix, w: number, x: number, of: Folds): Float32Array {
  const groups = Math.ceil(matrix.rows / 8);
  const y = machine.output('y', groups * 32);
  const [table, scratch] = placed(machine, of, 32);
  machine.kernels.matvec(idOf(matrix.type), w, 0, groups, matrix.columns, x, y, table, scratch);
  return machine.floats(y, matrix.rows);
}

describe.each(machines)('on $build', (machine) => {
  describe.each(weightTypes)('%s', (type) => {
    it('matvec folds tiles in the order of the plan', () => {
      always(
        fc.property(shapeOf(type), folds, seed, (shape, { algorithm, parts }, random) => {
          machine.reset();
          const rng = new Rng(random);
          const matrix = randomMatrix(rng, type, shape.rows, shape.columns);
          const of = foldsOf(algorithm, parts, shape.columns / quantOf(type).block);
          const floats = normals(rng, shape.columns);
          const blocks = isBlockType(type)
            ? quantizeVector(machine, floats)
            : { address: machine.input('x', floats), quants: [], scales: new Float32Array() };
          const actual = runMatvec(machine, matrix, packMatrix(machine, matrix), blocks.address, of);
          expectSame(machine, actual, emulated.matvec(matrix, { floats, ...blocks }, of));
        }),
      );
    });

    it('matmul gives each row the bits of matvec', () => {
      const count = fc.integer({ min: 1, max: 13 });
      always(
        fc.property(shapeOf(type), count, folds, seed, (shape, m, { algorithm, parts }, random) => {
          machine.reset();
          const { rows, columns } = shape;
          const rng = new Rng(random);
          const matrix = randomMatrix(rng, type, rows, columns);
          const w = packMatrix(machine, matrix);
          const x = vectors(machine, type, normals(rng, m * columns), columns);
          const of = foldsOf(algorithm, parts, shape.columns / quantOf(type).block);
          const groups = Math.ceil(rows / 8);
          const stride = groups * 32;
          const y = machine.output('Y', m * stride);
          const [table, scratch] = placed(machine, of, 32, scratchBytes(columns, m));
          const { matmul } = machine.kernels;
          matmul(idOf(type), w, 0, groups, columns, x.address, x.stride, m, y, stride, table, scratch);
          for (let i = 0; i < m; i++) {
            const alone = runMatvec(machine, matrix, w, x.address + i * x.stride, of);
            expectSame(machine, machine.floats(y + i * stride, rows), alone);
          }
        }),
      );
    });

    it('ranges of groups give the bits of all of them, and write nothing else', () => {
      machine.reset();
      const shape = { type, rows: 77, columns: 2 * Math.max(32, quantOf(type).block) };
      const rng = new Rng(5);
      const matrix = randomMatrix(rng, type, shape.rows, shape.columns);
      const w = packMatrix(machine, matrix);
      const x = vectors(machine, type, normals(rng, 5 * shape.columns), shape.columns);
      const groups = 10;
      const { matmul, matvec } = machine.kernels;
      const all = runMatvec(
        machine,
        matrix,
        w,
        x.address,
        foldsOf('chain', 1, shape.columns / quantOf(type).block),
      );
      const scratch = machine.output('scratch', scratchBytes(shape.columns, 5));
      for (let from = 0; from <= groups; from++) {
        for (let to = from; to <= groups; to++) {
          const expected = new Float32Array(groups * 8).fill(Number.NaN);
          expected.set(all.subarray(from * 8, to * 8), from * 8);
          if (to === groups && from < groups) expected.fill(0, shape.rows);
          const y = machine.output('y', groups * 32);
          matvec(idOf(type), w, from, to, shape.columns, x.address, y, 0, 0);
          expectSame(machine, machine.floats(y, groups * 8), expected);
          const many = machine.output('Y', 5 * groups * 32);
          const xAndY = [x.address, x.stride, 5, many, groups * 32] as const;
          matmul(idOf(type), w, from, to, shape.columns, ...xAndY, 0, scratch);
          expectSame(machine, machine.floats(many, groups * 8), expected);
        }
      }
    });
  });

  it('rmsnorm folds tiles in the order of the plan', () => {
    always(
      fc.property(fc.integer({ min: 1, max: 200 }), folds, seed, (columns, { algorithm, parts }, random) => {
        machine.reset();
        const rng = new Rng(random);
        const [x, weight] = [normals(rng, columns), normals(rng, columns)];
        const eps = Math.fround(1e-5);
        const of = foldsOf(algorithm, parts, columns);
        const y = machine.output('y', columns * 4);
        const [table, scratch] = placed(machine, of, 16);
        const inputs = [machine.input('x', x), machine.input('weight', weight)] as const;
        machine.kernels.rmsnorm(...inputs, y, columns, eps, table, scratch);
        expectSame(machine, machine.floats(y, columns), emulated.rmsnorm(x, weight, eps, of));
      }),
    );
  });

  it.each([4, 2] as const)(
    'attention folds tiles in the order of the plan, KV values of %i bytes',
    (bytes) => {
      const shape = fc.record({
        dim: fc.integer({ min: 1, max: 40 }).map((half) => 2 * half),
        length: fc.integer({ min: 1, max: 100 }),
        kvHeads: fc.integer({ min: 1, max: 3 }),
      });
      always(
        fc.property(shape, folds, seed, ({ dim, length, kvHeads }, { algorithm, parts }, random) => {
          machine.reset();
          const rng = new Rng(random);
          const q = normals(rng, dim);
          const [k, v] = [normals(rng, length * kvHeads * dim), normals(rng, length * kvHeads * dim)];
          const { layer, pages } = fillKv(machine, { kvHeads, dim, length, kvValueBytes: bytes }, k, v);
          const head = kvHeads - 1;
          const scale = Math.fround(1 / Math.sqrt(dim));
          // Position p lies on tile p mod parts, so there are no ends.
          const of = foldsOf(algorithm, parts, 0);
          const out = machine.output('out', dim * 4);
          const partialBytes = (Math.ceil(dim / 4) + 1) * 16;
          const [table, scratch] = placed(machine, of, partialBytes, 24_000 + parts * partialBytes);
          const cache = [layer, pages, head, kvHeads, length, length - 1] as const;
          const results = [scale, out, bytes, table, 0, 0, scratch] as const;
          machine.kernels.attention(machine.input('q', q), dim, dim, ...cache, ...results);
          const stored = (x: Float32Array): Float32Array =>
            Float32Array.from({ length: length * dim }, (_, i) => {
              return x[(Math.floor(i / dim) * kvHeads + head) * dim + (i % dim)]!;
            });
          const widened = (x: Float32Array): Float32Array =>
            bytes === 4
              ? x
              : Float32Array.from(emulated.int16Vectors(x, dim).flatMap((one) => [...fromInt16(one)]));
          expectSame(
            machine,
            machine.floats(out, dim),
            bytes === 2 && parts === 1
              ? emulated.attentionOfInt16(q, stored(k), stored(v), scale)
              : emulated.attention(q, widened(stored(k)), widened(stored(v)), scale, of),
          );
        }),
      );
    },
  );

  it.each([4, 2] as const)(
    'attention gives a run of queries what it gives each alone, KV values of %i bytes',
    (bytes) => {
      const shape = fc.record({
        dim: fc.integer({ min: 1, max: 5 }).map((sixteenths) => 16 * sixteenths),
        kvHeads: fc.integer({ min: 1, max: 3 }),
        positions: fc.array(fc.integer({ min: 0, max: 150 }), { minLength: 1, maxLength: 7 }),
      });
      always(
        fc.property(shape, seed, ({ dim, kvHeads, positions }, random) => {
          machine.reset();
          const rng = new Rng(random);
          const length = Math.max(...positions) + 1;
          const q = normals(rng, positions.length * dim);
          const [k, v] = [normals(rng, length * kvHeads * dim), normals(rng, length * kvHeads * dim)];
          const { layer, pages } = fillKv(machine, { kvHeads, dim, length, kvValueBytes: bytes }, k, v);
          const head = kvHeads - 1;
          const scale = Math.fround(1 / Math.sqrt(dim));
          const queries = machine.input('q', q);
          const alone = machine.output('alone', q.length * 4);
          const scratch = machine.output('scratch', 4096);
          positions.forEach((position, i) => {
            const cache = [dim, dim, layer, pages, head, kvHeads, position + 1, position, scale] as const;
            const to = alone + i * dim * 4;
            machine.kernels.attention(queries + i * dim * 4, ...cache, to, bytes, 0, 0, 0, scratch);
          });
          const out = machine.output('out', q.length * 4);
          const wide = machine.output('run scratch', 1536 + positions.length * (48 + 6 * dim));
          const where = machine.input('positions', Int32Array.from(positions));
          const run = [queries, dim * 4, where, 4, out, dim * 4, positions.length] as const;
          if (bytes === 4) {
            machine.kernels.attentionOfRun(...run, dim, layer, pages, head, kvHeads, scale, wide);
          } else {
            const [[from, qStep, at, step], rest] = [run, [dim, dim, layer, pages, head, kvHeads]] as const;
            const to = [0, out, dim * 4, positions.length] as const;
            machine.kernels.attentionOfInt16(from, qStep, at, step, ...to, ...rest, scale, 0, 0, 0, wide);
          }
          expectSame(machine, machine.floats(out, q.length), machine.floats(alone, q.length));
        }),
      );
    },
  );
});
