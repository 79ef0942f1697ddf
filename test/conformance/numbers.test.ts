/** The kernels' own arithmetic: exp, half precision, and the sizes that specs and kernels both know. */

import { describe, expect, it } from 'vitest';
import { SILU } from '#kernels/activation/numbers.js';
import { pageBytes } from '#kernels/attention/spec.js';
import { matvec } from '#kernels/matvec/spec.js';
import { packedBytes } from '#kernels/pack/spec.js';
import { quantizedBytes } from '#kernels/quantize/spec.js';
import { weightTypes } from '#kernels/quants/index.js';
import { decodeFlops } from '#models/weights.js';
import { fromF16, toF16 } from '#src/core/half.js';
import { Rng } from '#src/core/rng.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { randomModelBytes } from '#src/formats/random-model.js';
import { bytesSource } from '#src/formats/source.js';
import { idOf, type KernelMachine, machines, matrixOf, packMatrix } from '../helpers/kernels.js';
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
      kernels.kvAppend(layer, p, 0, 1, dim, dim, k, v, 4);
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

  it('kvAppend rounds to half precision as formats do: ties, subnormals, overflow, NaN', () => {
    const values: number[] = [
      Number.POSITIVE_INFINITY,
      Number.NaN,
      65504,
      65519.99,
      65520,
      65536,
      3e38,
      2 ** -149,
    ];
    const bits = new Uint32Array(1);
    const float = new Float32Array(bits.buffer);
    for (let half = 0; half < 0x7c00; half += 3) {
      const tie = (fromF16(half) + fromF16(half + 1)) / 2;
      float[0] = tie;
      const around = [bits[0]! - 1, bits[0]! + 1].map((neighbour) => {
        bits[0] = neighbour;
        return float[0]!;
      });
      values.push(fromF16(half), ...(Number.isFinite(tie) ? [tie, ...around] : []));
    }
    const rng = new Rng(8);
    for (let i = 0; i < 20000; i++) {
      bits[0] = rng.nextUint32();
      values.push(float[0]!);
    }
    const x = Float32Array.from([...values, ...values.map((value) => -value)]);
    const isNan = (half: number): boolean => (half & 0x7fff) > 0x7c00;
    const actual = appendHalves(machine, x);
    const wrong = [...x.keys()].filter((i) => {
      const expected = toF16(x[i]!);
      return isNan(expected) ? !isNan(actual[i]!) : actual[i] !== expected;
    });
    expect(wrong.slice(0, 5).map((i) => `${x[i]} became ${actual[i]}, not ${toF16(x[i]!)}`)).toEqual([]);
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
        machine.kernels.kvAppend(page, position, head, kvHeads, dim, dim, ...inputs, 4);
        const kGroup = (head * 32 + (position & ~3)) * width + (position & 3);
        for (let d = 0; d < dim; d++) expected[kGroup + d * 4] = k[d]!;
        expected.set(v, ((kvHeads + head) * 32 + position) * width);
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

/** The f16 V of a page [position, dim] for x cut into pages. */
function appendHalves(machine: KernelMachine, x: Float32Array<ArrayBuffer>): Uint16Array {
  machine.reset();
  const dim = 64;
  const values = dim * 32;
  const count = Math.ceil(x.length / values);
  const padded = new Float32Array(count * values);
  padded.set(x);
  const address = machine.input('v', padded);
  const page = machine.output('page', machine.kernels.pageBytes(1, dim, dim, 2));
  const stored = new Uint16Array(padded.length);
  for (let i = 0; i < count; i++) {
    for (let slot = 0; slot < 32; slot++) {
      const v = address + (i * values + slot * dim) * 4;
      machine.kernels.kvAppend(page, slot, 0, 1, dim, dim, v, v, 2);
    }
    stored.set(new Uint16Array(machine.bytes(page + values * 2, values * 2).buffer), i * values);
  }
  expect(machine.damage()).toEqual([]);
  return stored;
}

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
