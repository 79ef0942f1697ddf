/** The kernels' own arithmetic: exp, half precision, and the sizes that specs and kernels both know. */

import { describe, expect, it } from 'vitest';
import { SILU } from '#kernels/activation/numbers.js';
import { pageBytes } from '#kernels/attention/spec.js';
import { toInt16 } from '#kernels/kv/reference.js';
import { matvec } from '#kernels/matvec/spec.js';
import { packedBytes } from '#kernels/pack/spec.js';
import { quantizedBytes } from '#kernels/quantize/spec.js';
import { weightTypes } from '#kernels/quants/index.js';
import { decodeFlops } from '#models/weights.js';
import { fromF16 } from '#src/core/half.js';
import { Rng } from '#src/core/rng.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { randomModelBytes } from '#src/formats/random-model.js';
import { bytesSource } from '#src/formats/source.js';
import { idOf, type KernelMachine, machines, matrixOf, normals, packMatrix } from '../helpers/kernels.js';
import { exp, firstDifference, swiglu } from './emulate.js';

/** Float32 numbers evenly over a range, both ends among them. */
function evenly(from: number, to: number, n: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
}

function worstRelativeError(xs: Float32Array, ys: Float32Array): number {
  return xs.reduce((worst, x, i) => Math.max(worst, Math.abs(ys[i]! / Math.exp(x) - 1)), 0);
}

/** exp of numbers up to 0 as attention computes it: scores of which the largest is 0 become weights in place. */
function attentionExp(machine: KernelMachine, xs: Float32Array): Float32Array {
  machine.reset();
  const { kernels } = machine;
  const dim = 2;
  const length = 32;
  const bytes = kernels.pageBytes(1, dim, dim, 4);
  const pages = machine.input('pages', Int32Array.of(0));
  const layer = machine.output('KV', bytes);
  // Begins with the weights of the last page.
  const scratch = machine.output('scratch', 272 + 32);
  const out = machine.output('out', dim * 4);
  const q = machine.input('q', Float32Array.of(1, 0));
  const v = machine.input('v', new Float32Array(2));
  const k = machine.output('k', 8);
  const weights = new Float32Array(xs.length);
  for (let from = 0; from < xs.length; from += length - 1) {
    const part = Float32Array.of(0, ...xs.subarray(from, from + length - 1));
    part.forEach((x, p) => {
      machine.write(k, Float32Array.of(x, 0));
      kernels.kvAppend(layer, p, 0, dim, dim, k, v, 4);
    });
    const { length: seen } = part;
    kernels.attention(q, dim, dim, layer, pages, 0, 1, seen, seen - 1, 1, out, 4, 0, 0, 0, scratch);
    weights.set(machine.floats(scratch, part.length).subarray(1), from);
  }
  expect(machine.damage()).toEqual([]);
  return weights;
}

describe.each(machines)('on $build', (machine) => {
  it('a weight of softmax has a relative error below 2e-7 down to e^-86.9', () => {
    const xs = evenly(-86.9, 0, 50000);
    expect(worstRelativeError(xs, attentionExp(machine, xs))).toBeLessThan(2e-7);
  });

  it('a weight is 0 below e^-87 and no subnormal above', () => {
    const xs = Float32Array.of(-86.9, -86.95, -87.1, -1000, Number.NEGATIVE_INFINITY);
    const [above, at, ...below] = attentionExp(machine, xs);
    expect(above).toBeGreaterThan(2 ** -126);
    expect(at).toBeGreaterThan(2 ** -126);
    expect(below).toEqual([0, 0, 0]);
  });

  it('exp keeps its documented bits on [-87, 88], which have a relative error below 2e-7', () => {
    machine.reset();
    const xs = evenly(-87, 88, 100000);
    expect(worstRelativeError(xs, xs.map(exp))).toBeLessThan(2e-7);
    const gate = xs.map((x) => -x);
    const up = gate.map((_, i) => 1 + i / 7);
    const out = machine.output('gate', gate.byteLength, gate);
    const by = machine.input('up', up);
    machine.kernels.activation(SILU, out, 1, by, 1, out, 0, gate.length, 1, 0);
    expect(firstDifference(machine.floats(out, gate.length), swiglu(gate, up))).toBeNull();
    expect(machine.damage()).toEqual([]);
  });

  const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const widened = Float32Array.from(halves, fromF16);

  it('embedding widens all 65536 halves exactly, infinities and NaN included', () => {
    machine.reset();
    const columns = 8192;
    const matrix = matrixOf('F16', 8, columns, new Uint8Array(halves.buffer));
    const w = packMatrix(machine, matrix);
    const x = machine.output('x', columns * 4);
    for (let row = 0; row < 8; row++) {
      machine.kernels.embedding(idOf('F16'), w, row, columns, x);
      const expected = widened.subarray(row * columns, (row + 1) * columns);
      expect(firstDifference(machine.floats(x, columns), expected)).toBeNull();
    }
    expect(machine.damage()).toEqual([]);
  });

  it('matvec widens all finite halves exactly', () => {
    machine.reset();
    const w = packMatrix(machine, matrixOf('F16', halves.length, 1, new Uint8Array(halves.buffer)));
    const y = machine.output('y', widened.byteLength);
    machine.kernels.matvec(idOf('F16'), w, 0, 8192, 1, machine.input('x', Float32Array.of(1)), y, 0, 0);
    const finite = widened.map((value) => (Number.isFinite(value) ? value : 0));
    const actual = machine
      .floats(y, halves.length)
      .map((value, i) => (Number.isFinite(widened[i]!) ? value : 0));
    // A sum starts from +0, so it cannot be -0.
    expect(
      firstDifference(
        actual,
        finite.map((value) => value + 0),
      ),
    ).toBeNull();
    expect(machine.damage()).toEqual([]);
  });

  it.each([2, 6, 64, 80])('kvAppend stores int16 and their scale as documented, dim %i', (dim) => {
    machine.reset();
    const [kvHeads, width] = [2, Math.ceil(dim / 4) * 4];
    const bytes = machine.kernels.pageBytes(kvHeads, dim, dim, 2);
    const page = machine.output('page', bytes);
    const rng = new Rng(dim);
    const special = [0, Number.NaN, Number.POSITIVE_INFINITY, 1e-44, 3e38, -1e30];
    const stored = Array.from({ length: 32 * kvHeads }, (_, i) => {
      const x = normals(rng, 2 * dim);
      // Ties, and vectors that have no scale to divide by.
      if (i % 3 === 0) x.set([8191, 0.5, 1.5, -2.5].slice(0, dim));
      if (i < special.length) x[i % dim] = special[i]!;
      if (i === special.length) x.fill(0);
      const [slot, head] = [i % 32, i >> 5];
      const [k, v] = [machine.input('k', x.subarray(0, dim)), machine.input('v', x.subarray(dim))];
      machine.kernels.kvAppend(page, slot, head, dim, dim, k, v, 2);
      return { slot, head, k: toInt16(x.subarray(0, dim)), v: toInt16(x.subarray(dim)) };
    });
    const codes = new Int16Array(machine.bytes(page, bytes).buffer);
    const scale = (at: number): number => new Float32Array(Int32Array.of(codes[at / 2]! << 16).buffer)[0]!;
    const part = 64 + 64 * width;
    for (const { slot, head, k, v } of stored) {
      const keys = 2 * head * part;
      const key = (d: number): number => (slot >> 4) * width * 16 + (d >> 1) * 32 + (slot & 15) * 2 + (d & 1);
      const value = (d: number): number => (slot >> 1) * width * 2 + d * 2 + (slot & 1);
      expect(scale(keys + 2 * slot)).toBe(k.scale);
      expect(scale(keys + part + 2 * slot)).toBe(v.scale);
      expect(k.codes.map((_, d) => codes[(keys + 64) / 2 + key(d)]! + 0)).toEqual(k.codes.map((c) => c + 0));
      expect(v.codes.map((_, d) => codes[(keys + part + 64) / 2 + value(d)]! + 0)).toEqual(
        v.codes.map((c) => c + 0),
      );
    }
    expect(machine.damage()).toEqual([]);
  });

  it.each([2, 6, 8])('kvAppend lays out pages as documented, zeros after dim %i', (dim) => {
    machine.reset();
    const [kvHeads, width] = [2, Math.ceil(dim / 4) * 4];
    const bytes = machine.kernels.pageBytes(kvHeads, dim, dim, 4);
    const expected = new Float32Array(bytes / 4);
    const page = machine.output('page', bytes);
    for (let position = 0; position < 32; position++) {
      for (let head = 0; head < kvHeads; head++) {
        const k = Float32Array.from({ length: dim }, (_, d) => 1 + position * 1000 + head * 100 + d);
        const v = k.map((value) => -value);
        const inputs = [machine.input('k', k), machine.input('v', v)] as const;
        machine.kernels.kvAppend(page, position, head, dim, dim, ...inputs, 4);
        const kGroup = (2 * head * 32 + (position & ~3)) * width + (position & 3);
        for (let d = 0; d < dim; d++) expected[kGroup + d * 4] = k[d]!;
        expected.set(v, ((2 * head + 1) * 32 + position) * width);
      }
    }
    expect(machine.damage()).toEqual([]);
    expect(firstDifference(machine.floats(page, expected.length), expected)).toBeNull();
  });

  it('takes the room that the specs say', () => {
    const { kernels } = machine;
    for (const type of weightTypes) {
      for (const columns of [256, 512, 4096]) {
        expect(kernels.groupBytes(idOf(type), columns)).toBe(packedBytes({ type, rows: 8, columns }));
        expect(kernels.quantizedBytes(columns)).toBe(quantizedBytes({ columns }));
      }
    }
    for (const dim of [2, 6, 64, 80]) {
      expect(kernels.pageBytes(3, dim, dim, 2)).toBe(pageBytes(3, dim, dim, 2));
      expect(kernels.pageBytes(5, dim, 10, 4)).toBe(pageBytes(5, dim, 10, 4));
    }
  });
});

it('the FLOPs of the matvec spec are those of a model without context', async () => {
  const bytes = randomModelBytes({
    hiddenSize: 96,
    intermediateSize: 256,
    numHiddenLayers: 3,
    numAttentionHeads: 6,
    numKeyValueHeads: 2,
    vocabSize: 500,
  });
  const { model } = readModel(await readGguf(bytesSource(bytes)));
  const flops = model.ops.flatMap((op) =>
    op.kind === 'linear'
      ? op.outs.map(({ features }) => matvec.flops({ type: 'F32', rows: features, columns: op.in.features }))
      : [],
  );
  expect(flops.reduce((a, b) => a + b)).toBe(decodeFlops(model.ops, 0));
});
