/**
 * The WebAssembly kernels module from TypeScript: its exports, its builds, and which of them to run.
 * Addresses are byte offsets into the memory of the instance.
 */
import { AGREEMENT } from '../../../kernels/agreement.js';
import { EngineError } from '../../core/errors.js';
import type { SimdMode } from '../types.js';
import type { KernelBuilds } from './builds.js';
import { instantiateProbe, type Trial, tryVariants } from './trial.js';

/** What kernels/wasm.ts exports; the meaning of every argument stands there. */
export interface KernelExports {
  agreement(): number;
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
      position: number,
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
      scratch: number,
    ]
  ): void;
  attentionOfInt16(
    ...args: [
      q: number,
      qStep: number,
      positions: number,
      positionStep: number,
      length: number,
      out: number,
      outStep: number,
      queries: number,
      dim: number,
      valueDim: number,
      layer: number,
      pages: number,
      kvHead: number,
      kvHeads: number,
      scale: number,
      facts: number,
      head: number,
      headStep: number,
      scratch: number,
    ]
  ): void;
  conv(
    ...args: [
      x: number,
      state: number,
      weight: number,
      bias: number,
      act: number,
      out: number,
      channels: number,
      length: number,
      from: number,
      to: number,
    ]
  ): void;
  kvAppend(
    ...args: [
      page: number,
      slot: number,
      kvHead: number,
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
  linearAttention(
    ...args: [
      q: number,
      k: number,
      v: number,
      decay: number,
      decayStep: number,
      beta: number,
      isDelta: number,
      keyDim: number,
      valueDim: number,
      scale: number,
      state: number,
      out: number,
      gates: number,
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
  expertLinear(
    ...args: [
      type: number,
      w: number,
      stride: number,
      matrices: number,
      rows: number,
      groupFrom: number,
      groupTo: number,
      columns: number,
      x: number,
      xStride: number,
      xStep: number,
      xBytes: number,
      chosen: number,
      chosenStride: number,
      top: number,
      count: number,
      y: number,
      yStride: number,
      bias: number,
      isWeighed: number,
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
  decoded(): number;
  pack(type: number, src: number, rowBytes: number, rows: number, columns: number, dst: number): number;
  place(type: number, to: number, row: number): void;
  mix(
    ...args: [x: number, weights: number, top: number, n: number, out: number, from: number, to: number]
  ): void;
  route(
    ...args: [
      logits: number,
      experts: number,
      top: number,
      scoring: number,
      chooseBy: number,
      bias: number,
      groups: number,
      used: number,
      isNormalised: number,
      times: number,
      out: number,
      scratch: number,
    ]
  ): void;
  attach(controlBlock: number, worker: number): void;
  resume(image: number, workers: number): number;
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
  scan(
    ...args: [
      x: number,
      dt: number,
      b: number,
      c: number,
      a: number,
      aStep: number,
      d: number,
      dStep: number,
      headDim: number,
      stateSize: number,
      state: number,
      out: number,
    ]
  ): void;
  shift(x: number, state: number, out: number, from: number, to: number): void;
  weighStreams(
    ...args: [
      logits: number,
      n: number,
      streams: number,
      isSoftmax: number,
      scale: number,
      base: number,
      eps: number,
      magnitude: number,
      writeEps: number,
      iterations: number,
      out: number,
    ]
  ): void;
  writeStreams(
    ...args: [
      x: number,
      from: number,
      weights: number,
      streams: number,
      features: number,
      isMixed: number,
      out: number,
      first: number,
      end: number,
    ]
  ): void;
  wkv(
    ...args: [
      r: number,
      w: number,
      k: number,
      v: number,
      a: number,
      b: number,
      bonus: number,
      dim: number,
      state: number,
      out: number,
    ]
  ): void;
}

/** Bytes below this address belong to the kernels module's own constants. */
export const reservedBytes = 65536;

export interface CompiledKernels {
  readonly simd: SimdMode;
  readonly module: WebAssembly.Module;
}

/** What the program asks for when it goes on in another shard; see OP_VISIT in kernels/program. */
export type Visit = (shard: number, image: number, copies: number, workers: number) => number;

const stay: Visit = () => {
  throw new Error('a program that leaves its only memory');
};

/** A kernels instance on `memory`. Throws EngineError when the engine cannot make it, or when it is of another build. */
export function instantiateKernels(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  visit: Visit = stay,
): KernelExports {
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      visit,
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
  const kernels = instance.exports as unknown as Partial<KernelExports>;
  if (kernels.agreement?.() !== AGREEMENT) {
    throw new EngineError({
      what: 'kernels',
      given: 'kernels-*.wasm of another version than the program',
      expected: 'those that were built with it',
      todo: 'Install waferflow again; in a clone, run npm run build.',
    });
  }
  return kernels as KernelExports;
}

/** Compiles the build to run: `auto` is the fastest of those that are exact here. */
export async function compileKernels(
  builds: KernelBuilds,
  wanted: SimdMode | 'auto',
): Promise<CompiledKernels> {
  const { exact, fastest } = await tryBuilds(builds);
  if (wanted !== 'auto' && !exact.includes(wanted)) {
    throw new EngineError({
      what: 'option simd',
      given: `"${wanted}"`,
      expected: `what this engine computes exactly: ${exact.join(', ')}`,
      todo: 'Use another Node.js or browser, or leave the option out.',
    });
  }
  const simd = wanted === 'auto' ? fastest : wanted;
  return { simd, module: await WebAssembly.compile(await builds.read(simd)) };
}

/** Which of the builds this engine computes exactly, and the fastest of them. */
export async function tryBuilds(builds: KernelBuilds): Promise<Trial> {
  if (builds.modes.length === 1) return tryVariants(null);
  return tryVariants(await instantiateProbe(await builds.read('probe')));
}
