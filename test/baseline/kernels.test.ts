/** Every kernel for gpu.js against its float64 reference, on each backend that this machine has, whole and cut. */

import { afterAll, describe, expect, it } from 'vitest';
import { swiglu } from '#kernels/activation/gpu.js';
import { activation } from '#kernels/activation/reference.js';
import { activation as activationSpec } from '#kernels/activation/spec.js';
import { appendKv, maxima, quotients, scores, valueSums, weights } from '#kernels/attention/gpu.js';
import { attention } from '#kernels/attention/reference.js';
import { attention as attentionSpec } from '#kernels/attention/spec.js';
import { embedding, lastToken } from '#kernels/embedding/gpu.js';
import { embedding as embeddingReference } from '#kernels/embedding/reference.js';
import type { GpuThread, Unwritten } from '#kernels/gpu.js';
import { matmul } from '#kernels/matmul/gpu.js';
import { matmul as matmulReference } from '#kernels/matmul/reference.js';
import { matmul as matmulSpec } from '#kernels/matmul/spec.js';
import { matvec } from '#kernels/matvec/gpu.js';
import { matvec as matvecReference } from '#kernels/matvec/reference.js';
import { matvec as matvecSpec } from '#kernels/matvec/spec.js';
import { residual, sumOfParts } from '#kernels/residual/gpu.js';
import { residual as residualReference } from '#kernels/residual/reference.js';
import { rmsnorm, squareSums } from '#kernels/rmsnorm/gpu.js';
import { rmsnorm as rmsnormReference } from '#kernels/rmsnorm/reference.js';
import { rmsnorm as rmsnormSpec } from '#kernels/rmsnorm/spec.js';
import { rope } from '#kernels/rope/gpu.js';
import { rope as ropeReference } from '#kernels/rope/reference.js';
import { rope as ropeSpec } from '#kernels/rope/spec.js';
import { type Reference, ROUNDING } from '#kernels/spec.js';
import { type Backend, bestBackend, type Device, openDevice } from '#src/baseline/device.js';
import { transpose } from '#src/baseline/weights.js';
import { Rng } from '#src/core/rng.js';

const backends = [...new Set<Backend>(['webasm', 'cpu', await bestBackend()])];
const rng = new Rng(5);
const normals = (n: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: n }, () => rng.normal());

type Body = (this: GpuThread<never>, ...args: never[]) => number | Unwritten;

interface Run {
  readonly size: number;
  readonly constants: Readonly<Record<string, number>>;
  readonly loops?: boolean;
  /** Arrays that stay on the device, as matrices of so many columns. */
  readonly held?: { readonly values: Float32Array; readonly columns: number };
}

/** One launch over arrays, then whole numbers. */
async function launch(
  device: Device,
  body: Body,
  { size, constants, loops = false, held }: Run,
  args: readonly (Float32Array | number)[],
): Promise<Float32Array> {
  const kernel = device.kernel(body, {
    size,
    constants,
    numbers: args.filter((arg) => typeof arg === 'number').length,
    loops,
  });
  const before = held ? [device.constant(held.values, held.columns)] : [];
  return await device.pass((...handles) => kernel(...before, ...handles), args.length).run(args);
}

/** Parts [parts][n] added up. */
function sumParts(parts: Float32Array, n: number): Float64Array {
  const sums = new Float64Array(n);
  for (const [i, value] of parts.entries()) sums[i % n]! += value;
  return sums;
}

function expectClose(actual: ArrayLike<number>, reference: Reference, maxError: number): void {
  const { values, magnitudes } = reference;
  expect(actual.length).toBe(values.length);
  let worst = 0;
  for (let i = 0; i < values.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i]! - values[i]!) / (magnitudes[i]! + 1e-30));
  }
  expect(worst).toBeLessThanOrEqual(maxError);
}

describe.each(backends)('on %s', (backend) => {
  const opened = openDevice(backend);
  afterAll(async () => (await opened).close());

  it('embedding takes rows, and zeros beyond the count', async () => {
    const columns = 12;
    const table = normals(7 * columns);
    const x = await launch(
      await opened,
      embedding,
      { size: 3 * columns, constants: { columns }, held: { values: table, columns } },
      [Float32Array.of(5, 0, 0), 2],
    );
    const rows = [5, 0].map((row) => embeddingReference(table, row, columns).values);
    expect([...x]).toEqual([...rows[0]!, ...rows[1]!, ...new Array<number>(columns).fill(0)]);
    const last = await launch(await opened, lastToken, { size: columns, constants: { columns } }, [x, 2]);
    expect([...last]).toEqual([...rows[1]!]);
  });

  it.each([
    [1, 1],
    [20, 64],
    [37, 70],
    [64, 5000],
  ])('matvec %i x %i', async (rows, columns) => {
    const w = normals(rows * columns);
    const x = normals(columns);
    const run: Run = {
      size: rows,
      constants: { columns, wholeColumns: columns - (columns % 8) },
      loops: true,
      held: { values: w, columns },
    };
    const y = await launch(await opened, matvec, run, [x, 1]);
    expectClose(y, matvecReference(w, x), matvecSpec.tolerance.maxError({ type: 'F32', rows, columns }));
    expect((await launch(await opened, matvec, run, [x, 0])).every((value) => value === 0)).toBe(true);
  });

  it.each([
    [20, 64, 1, 1],
    [37, 70, 3, 4],
    [64, 1500, 4, 8],
  ])('matmul %i x %i, %i tokens, %i parts', async (rows, columns, tokens, parts) => {
    const w = normals(rows * columns);
    const x = normals(tokens * columns);
    const constants = { rows, columns, tokens, partColumns: Math.ceil(columns / parts) };
    const run: Run = {
      size: parts * tokens * rows,
      constants,
      loops: true,
      held: { values: transpose(w, columns), columns: rows },
    };
    const y = await launch(await opened, matmul, run, [x, tokens]);
    const bound = matmulSpec.tolerance.maxError({ type: 'F32', rows, columns, count: tokens });
    expectClose(sumParts(y, tokens * rows), matmulReference(w, x, columns), bound);
  });

  it.each([
    [64, 1, 1],
    [70, 3, 4],
  ])('rmsnorm of %i columns, %i tokens, %i parts', async (columns, tokens, parts) => {
    const x = normals(tokens * columns);
    const weight = normals(columns);
    const eps = 1e-5;
    const partColumns = Math.ceil(columns / parts);
    const squares = await launch(
      await opened,
      squareSums,
      { size: parts * tokens, constants: { columns, tokens, partColumns }, loops: true },
      [x, tokens],
    );
    const constants = { columns, tokens, parts, eps };
    const y = await launch(await opened, rmsnorm, { size: tokens * columns, constants }, [
      x,
      squares,
      weight,
      tokens,
    ]);
    for (let t = 0; t < tokens; t++) {
      const row = y.subarray(t * columns, (t + 1) * columns);
      const expected = rmsnormReference(x.subarray(t * columns, (t + 1) * columns), weight, eps);
      expectClose(row, expected, rmsnormSpec.tolerance.maxError({ columns }));
    }
  });

  it('residual and sums of parts', async () => {
    const [parts, size] = [3, 10];
    const x = normals(size);
    const y = normals(parts * size);
    const constants = { parts, size };
    const total = sumParts(y, size);
    const added = await launch(await opened, residual, { size, constants }, [x, y]);
    const reference = residualReference(x, total);
    const magnitudes = x.map((value, i) => Math.abs(value) + Math.abs(total[i]!) + 4);
    expectClose(added, { values: reference.values, magnitudes: Float64Array.from(magnitudes) }, 4 * ROUNDING);
    const summed = await launch(await opened, sumOfParts, { size, constants }, [y]);
    expectClose(summed, { values: total, magnitudes: total.map((v) => Math.abs(v) + 4) }, 4 * ROUNDING);
  });

  it.each([
    [1, 1],
    [3, 2],
  ])('swiglu of %i tokens in %i parts', async (tokens, parts) => {
    const size = 22;
    const x = normals(parts * tokens * 2 * size).map((value) => value * 4);
    const y = await launch(
      await opened,
      swiglu,
      { size: tokens * size, constants: { parts, tokens, size } },
      [x, tokens],
    );
    const whole = sumParts(x, tokens * 2 * size);
    for (let t = 0; t < tokens; t++) {
      const at = t * 2 * size;
      const expected = activation(
        'silu',
        whole.subarray(at, at + size),
        whole.subarray(at + size, at + 2 * size),
      );
      // The sum of two parts is rounded before it is used.
      const bound = activationSpec.tolerance.maxError({ n: size }) * (parts === 1 ? 2 : 30);
      expectClose(y.subarray(t * size, (t + 1) * size), expected, bound);
    }
  });

  it.each([
    { tokens: 1, parts: 1, position: 0 },
    { tokens: 1, parts: 1, position: 9 },
    { tokens: 3, parts: 2, position: 5 },
  ])('rope, KV cache and attention: $tokens tokens, $parts parts, at $position', async (given) => {
    const { tokens, parts, position } = given;
    const [heads, kvHeads, headDim, context] = [4, 2, 6, 16];
    const [size, kvSize, half, theta] = [heads * headDim, kvHeads * headDim, headDim / 2, 100];
    const stride = size + 2 * kvSize;
    const angles = Array.from({ length: context * half }, (_, i) => {
      return Math.floor(i / half) * theta ** ((-2 * (i % half)) / headDim);
    });
    const cos = Float32Array.from(angles, Math.cos);
    const sin = Float32Array.from(angles, Math.sin);
    const device = await opened;
    const rows = tokens * heads;
    const partPositions = Math.ceil(context / parts);
    const group = heads / kvHeads;
    const append = device.kernel(appendKv, {
      // A size of its own keeps the buffer from pass to pass.
      size: 2 * kvSize * context + 4,
      constants: { parts, tokens, stride, offset: size, kvSize, headDim },
      numbers: 2,
      loops: false,
    });
    const make = (body: Body, count: number, constants: Run['constants'], loops = false) =>
      device.kernel(body, { size: count, constants, numbers: body === quotients ? 0 : 2, loops });
    const turn = make(rope, tokens * size, { parts, tokens, stride, size, headDim });
    const score = make(scores, rows * context, { heads, group, headDim, kvSize, context, scale: 0.25 });
    const most = make(maxima, parts * rows, { heads, rows, context, partPositions }, true);
    const weigh = make(weights, rows * context, { heads, rows, context, parts });
    const sum = make(valueSums, parts * rows * (headDim + 1), {
      heads,
      rows,
      group,
      headDim,
      kvSize,
      context,
      partPositions,
    });
    const divide = make(quotients, tokens * size, { parts, rows, headDim });
    const pass = device.pass((qkv, cosines, sines, at, count) => {
      const kv = append(qkv!, cosines!, sines!, at!, count!);
      const q = turn(qkv!, cosines!, sines!, at!, count!);
      const scored = score(q, kv, at!, count!);
      return divide(sum(weigh(scored, most(scored, at!, count!), at!, count!), kv, at!, count!));
    }, 5);

    const factors = new Array<number>(half).fill(1);
    const turned = (x: ArrayLike<number>, at: number): number[] => {
      const out: number[] = [];
      for (let from = 0; from < x.length; from += headDim) {
        const head = Array.from({ length: headDim }, (_, i) => x[from + i]!);
        out.push(...ropeReference(head, at, theta, factors).values);
      }
      return out;
    };
    const keys: number[][] = [];
    const values: number[][] = [];
    let out = new Float32Array();
    let queries: number[][] = [];
    for (let at = 0; at < position + tokens; ) {
      // First one by one up to the position, then all tokens at once.
      const count = at < position ? 1 : tokens;
      const qkv = normals(parts * tokens * stride);
      const whole = sumParts(qkv, tokens * stride);
      queries = [];
      for (let t = 0; t < count; t++) {
        const row = whole.subarray(t * stride, (t + 1) * stride);
        queries.push(turned(row.subarray(0, size), at + t));
        keys.push(turned(row.subarray(size, size + kvSize), at + t));
        values.push([...row.subarray(size + kvSize)]);
      }
      out = new Float32Array(await pass.run([qkv, cos, sin, at, count]));
      at += count;
    }
    const pick = (cache: number[][], length: number, kvHead: number): number[] =>
      cache.slice(0, length).flatMap((row) => row.slice(kvHead * headDim, (kvHead + 1) * headDim));
    for (let t = 0; t < tokens; t++) {
      for (let head = 0; head < heads; head++) {
        const length = position + t + 1;
        const kvHead = Math.floor(head / group);
        const reference = attention(
          queries[t]!.slice(head * headDim, (head + 1) * headDim),
          pick(keys, length, kvHead),
          pick(values, length, kvHead),
          0.25,
        );
        const bound =
          attentionSpec.tolerance.maxError({ dim: headDim, length, kvValueBytes: 4, ...reference }) +
          8 * ropeSpec.tolerance.maxError({ dim: headDim }) * (1 + reference.scoreMagnitude);
        const from = (t * heads + head) * headDim;
        expectClose(out.subarray(from, from + headDim), reference, bound);
      }
    }
  });
});
