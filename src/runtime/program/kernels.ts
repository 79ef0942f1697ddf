/**
 * The WebAssembly kernels module from TypeScript: its exports, its two builds, and which of them to run.
 * Addresses are byte offsets into the one shared memory.
 */
import { EngineError } from '../../core/errors.js';
import type { SimdMode } from '../types.js';

/** What kernels/wasm.ts exports; the meaning of every argument stands there. */
export interface KernelExports {
  activation(
    ...args: [
      act: number,
      x: number,
      xRun: number,
      by: number,
      byRun: number,
      out: number,
      from: number,
      to: number,
      times: number,
      settings: number,
    ]
  ): void;
  argmax(x: number, n: number): number;
  logSumExp(x: number, n: number): number;
  attention(
    ...args: [
      q: number,
      dim: number,
      valueDim: number,
      layer: number,
      pages: number,
      kvHead: number,
      kvHeads: number,
      length: number,
      scale: number,
      out: number,
      valueBytes: number,
      folds: number,
      facts: number,
      head: number,
      scratch: number,
    ]
  ): void;
  attentionOfRun(
    ...args: [
      q: number,
      qStep: number,
      positions: number,
      positionStep: number,
      out: number,
      outStep: number,
      queries: number,
      dim: number,
      layer: number,
      pages: number,
      kvHead: number,
      kvHeads: number,
      scale: number,
      valueBytes: number,
      scratch: number,
    ]
  ): void;
  kvAppend(
    ...args: [
      page: number,
      slot: number,
      kvHead: number,
      kvHeads: number,
      dim: number,
      valueDim: number,
      k: number,
      v: number,
      valueBytes: number,
    ]
  ): void;
  layernorm(
    ...args: [
      x: number,
      weight: number,
      bias: number,
      y: number,
      columns: number,
      eps: number,
      folds: number,
      scratch: number,
    ]
  ): void;
  pageBytes(kvHeads: number, dim: number, valueDim: number, valueBytes: number): number;
  readBandwidth(address: number, bytes: number): number;
  embedding(type: number, weights: number, row: number, columns: number, x: number): void;
  matmul(
    ...args: [
      type: number,
      w: number,
      groupFrom: number,
      groupTo: number,
      columns: number,
      x: number,
      xStride: number,
      count: number,
      y: number,
      yStride: number,
      folds: number,
      scratch: number,
    ]
  ): void;
  groupBytes(type: number, columns: number): number;
  matvec(
    ...args: [
      type: number,
      w: number,
      groupFrom: number,
      groupTo: number,
      columns: number,
      x: number,
      y: number,
      folds: number,
      scratch: number,
    ]
  ): void;
  pack16(src: number, rowBytes: number, rows: number, columns: number, dst: number): void;
  pack32(src: number, rowBytes: number, rows: number, columns: number, dst: number): void;
  packQ4_0(src: number, rowBytes: number, rows: number, blocks: number, dst: number): void;
  packQ8_0(src: number, rowBytes: number, rows: number, blocks: number, dst: number): void;
  attach(controlBlock: number, worker: number): void;
  serve(seenEpoch: number): void;
  step(workers: number): number;
  quantize(x: number, columns: number, out: number): void;
  quantizedBytes(columns: number): number;
  residual(x: number, y: number, out: number, from: number, to: number, times: number): void;
  rmsnorm(
    ...args: [
      x: number,
      weight: number,
      y: number,
      columns: number,
      eps: number,
      folds: number,
      scratch: number,
    ]
  ): void;
  rope(x: number, dim: number, angles: number): void;
  ropeLlama3Factors(
    ...args: [
      factors: number,
      dim: number,
      theta: number,
      factor: number,
      lowFreqFactor: number,
      highFreqFactor: number,
      originalContext: number,
    ]
  ): void;
  ropeHalves(x: number, dim: number, angles: number): void;
  ropeYarnFactors(
    ...args: [
      factors: number,
      dim: number,
      theta: number,
      factor: number,
      originalContext: number,
      fast: number,
      slow: number,
    ]
  ): void;
  ropeTable(
    ...args: [
      table: number,
      positions: number,
      dim: number,
      theta: number,
      factors: number,
      magnitude: number,
    ]
  ): void;
  swiglu(gate: number, up: number, n: number): void;
}

/** Bytes below this address belong to the kernels module's own constants. */
export const reservedBytes = 65536;

/** The builds to choose from, as bytes; without shared memory there is only one. */
export interface KernelBinaries {
  readonly simd: Uint8Array<ArrayBuffer>;
  readonly relaxed: Uint8Array<ArrayBuffer> | null;
}

export interface CompiledKernels {
  readonly simd: SimdMode;
  readonly module: WebAssembly.Module;
}

/** A kernels instance on `memory`. Throws EngineError when the engine cannot make it. */
export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      now: () => performance.now(),
      abort: () => {
        throw new EngineError({
          what: 'kernels',
          given: 'an abort',
          expected: 'none',
          todo: 'This is a defect of waferflow: please report it.',
        });
      },
    },
  });
  return instance.exports as unknown as KernelExports;
}

/**
 * Compiles the build to run. `auto` times a Q4_0 matrix, the only type whose kernels differ, on both builds and takes
 * relaxed SIMD when it is faster by more than the noise of one run.
 */
export async function compileKernels(
  binaries: KernelBinaries,
  wanted: SimdMode | 'auto',
  usesQ4: boolean,
): Promise<CompiledKernels> {
  const relaxedBytes =
    binaries.relaxed !== null && WebAssembly.validate(binaries.relaxed) ? binaries.relaxed : null;
  if (wanted === 'relaxed' && relaxedBytes === null) {
    throw new EngineError({
      what: 'option simd',
      given: '"relaxed"',
      expected: 'an engine with relaxed SIMD',
      todo: 'Use a newer Node.js or browser, or leave the option out.',
    });
  }
  const simd = await WebAssembly.compile(binaries.simd);
  if (wanted === 'simd' || relaxedBytes === null || (wanted === 'auto' && !usesQ4))
    return { simd: 'simd', module: simd };
  const relaxed = await WebAssembly.compile(relaxedBytes);
  if (wanted === 'relaxed' || timeQ4(relaxed) < 0.95 * timeQ4(simd))
    return { simd: 'relaxed', module: relaxed };
  return { simd: 'simd', module: simd };
}

/** The best of a few runs of a Q4_0 matvec from cache, in milliseconds: a few milliseconds of work in all. */
function timeQ4(module: WebAssembly.Module): number {
  const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true });
  const kernels = instantiateKernels(module, memory);
  const [type, groups, columns] = [2, 64, 512];
  const x = reservedBytes;
  const y = x + 4096;
  const w = y + 4096;
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 12; run++) {
    const start = performance.now();
    for (let i = 0; i < 8; i++) kernels.matvec(type, w, 0, groups, columns, x, y, 0, 0);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
