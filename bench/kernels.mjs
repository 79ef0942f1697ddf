// The kernels of the runtime on one thread, from the cache and from memory: `node bench/kernels.mjs [MODE]` after `npm run
// build`; MODE is one of simd, relaxed, u8s8, s8s8, by default the one that a trial picks.

import { scratchBytes } from '#kernels/matmul/spec.js';
import { isBlockType, quantOf } from '#kernels/quants/index.js';
import { Rng } from '#src/core/rng.js';
import { quantize } from '#src/formats/quantize.js';
import { kernelBuilds } from '#src/platform/node/load.js';
import { compileKernels, instantiateKernels, reservedBytes } from '#src/runtime/program/kernels.js';
import { packerOf } from '#src/runtime/program/pack.js';
import { printBench } from './table.js';

const { simd, module } = await compileKernels(kernelBuilds, process.argv[2] ?? 'auto');
const memory = new WebAssembly.Memory({ initial: 2048, maximum: 2048, shared: true });
const kernels = instantiateKernels(module, memory);
const rng = new Rng(1);

let end = reservedBytes;
function take(bytes, data) {
  const address = end;
  end = Math.ceil((end + bytes) / 64) * 64;
  if (data)
    new Uint8Array(memory.buffer, address, data.byteLength).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  return address;
}

const normals = (n) => Float32Array.from({ length: n }, () => rng.normal());
/** A packed random matrix; its rows repeat one of eight, since only their number counts here. */
function packed(type, rows, columns) {
  const raw = quantize(normals(8 * columns), type);
  const rowBytes = raw.length / 8;
  const { id } = quantOf(type);
  const groupBytes = kernels.groupBytes(id, columns);
  const pack = packerOf(kernels, memory, type, columns);
  const source = take(raw.length, raw);
  const w = take((rows / 8) * groupBytes);
  for (let group = 0; group < rows / 8; group++) {
    pack(source, rowBytes, 8, w + group * groupBytes);
  }
  return { w, bytes: (rows / 8) * groupBytes };
}

function input(type, columns) {
  const x = take(4 * columns, normals(columns));
  if (!isBlockType(type)) return x;
  const quantized = take(kernels.quantizedBytes(columns));
  kernels.quantize(x, columns, quantized);
  return quantized;
}

function matvec(type, rows, columns) {
  const { w, bytes } = packed(type, rows, columns);
  const x = input(type, columns);
  const y = take(4 * rows);
  return {
    name: `matvec ${type} ${rows} x ${columns}, ${(bytes / 2 ** 20).toFixed(1)} MiB`,
    work: bytes,
    unit: 'B',
    run: () => kernels.matvec(quantOf(type).id, w, 0, rows / 8, columns, x, y, 0, 0),
  };
}

/** A chunk of a prompt. */
function matmul(type, rows, columns, count) {
  const { w } = packed(type, rows, columns);
  const x = input(type, columns);
  const y = take(4 * rows * count);
  const scratch = take(scratchBytes(columns, count));
  return {
    name: `matmul ${type} ${rows} x ${columns}, ${count} x`,
    work: rows * columns * count,
    unit: 'products',
    run: () =>
      kernels.matmul(quantOf(type).id, w, 0, rows / 8, columns, x, 0, count, y, 4 * rows, 0, scratch),
  };
}

const kvDim = 64;
const longest = 65_536;
const kvTypes = { f32: 4, int16: 2 };
const layers = Object.fromEntries(
  Object.values(kvTypes).map((bytes) => [
    bytes,
    take(kernels.pageBytes(1, kvDim, kvDim, bytes) * (longest / 32)),
  ]),
);
const pages = take(
  4 * (longest / 32),
  Int32Array.from({ length: longest / 32 }, (_, page) => page),
);
const vector = take(4 * kvDim, normals(kvDim));
for (const bytes of Object.values(kvTypes)) {
  for (let p = 0; p < longest; p++) {
    const page = layers[bytes] + (p >> 5) * kernels.pageBytes(1, kvDim, kvDim, bytes);
    kernels.kvAppend(page, p & 31, 0, kvDim, kvDim, vector, vector, bytes);
  }
}

/** `queries` of one KV head over as many positions; their last position is the same. */
function attention(kvType, queries, length) {
  const q = take(4 * kvDim * queries, normals(kvDim * queries));
  const out = take(4 * kvDim * queries);
  const last = take(4, Int32Array.of(length - 1));
  const scratch = take(1536 + queries * (48 + 6 * kvDim));
  const bytes = kvTypes[kvType];
  const layer = layers[bytes];
  const to = [out, 4 * kvDim, queries];
  return {
    name: `attention, ${kvType} KV, dim ${kvDim}, ${queries} queries over ${length} positions`,
    work: 2 * queries * length * kvDim,
    unit: 'products',
    run: () =>
      bytes === 4
        ? kernels.attentionOfRun(q, 4 * kvDim, last, 0, ...to, kvDim, layer, pages, 0, 1, 0.125, scratch)
        : kernels.attentionOfInt16(
            ...[q, 4 * kvDim, last, 0, 0, ...to, kvDim, kvDim, layer, pages, 0, 1, 0.125, 0, 0, 0, scratch],
          ),
  };
}

const n = 4096;
const [a, b, c] = [0, 1, 2].map(() => take(4 * n, normals(n)));
const elementwise = (name, work, run) => ({ name: `${name} of ${n}`, work, unit: 'B', run });

await printBench(`kernels, ${simd}, one thread`, [
  matvec('Q8_0', 768, 288),
  matvec('Q8_0', 32_000, 288),
  matvec('Q8_0', 49_152, 576),
  matvec('Q4_0', 768, 288),
  matvec('Q4_0', 49_152, 576),
  matmul('Q8_0', 768, 288, 64),
  matmul('Q8_0', 1536, 576, 64),
  matmul('Q4_0', 1536, 576, 64),
  matvec('F32', 768, 288),
  matvec('F32', 8192, 576),
  ...Object.keys(kvTypes).flatMap((kvType) => [
    attention(kvType, 1, 2048),
    attention(kvType, 3, 2048),
    attention(kvType, 3, longest),
    attention(kvType, 32, 2048),
  ]),
  elementwise('rmsnorm', 12 * n, () => kernels.rmsnorm(a, b, c, n, 1e-5, 0, 0)),
  elementwise('quantize', 4 * n, () => kernels.quantize(a, n, c)),
  elementwise('silu gate', 12 * n, () => kernels.activation(1, c, 1, b, 1, c, 0, n, 1, 0)),
  elementwise('residual', 12 * n, () => kernels.residual(c, b, c, 0, n, 1)),
]);
