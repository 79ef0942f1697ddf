/**
 * The one file that knows gpu.js: kernels compiled for a backend, and whole passes compiled into one plan.
 *
 * A pass runs through gpu.js's pipeline compilation: on WebGPU one command buffer with one compute pass per launch, on
 * its WebAssembly backend one dispatch to the worker pool with a barrier per launch. Weights are literals of the plan:
 * they go to device memory once. Nothing is read back but the results.
 */

import * as library from 'gpu.js';
import { GPU, type IGPUKernelSettings, type IKernelRunShortcut, Input, type ITypesList } from 'gpu.js';
import type { GpuThread, Unwritten } from '../../kernels/gpu.js';
import { EngineError, messageOf, OptionError } from '../core/errors.js';

/** The device that all instances on WebGPU share; gpu.js's declarations leave it out. */
const { WebGPUContext } = library as unknown as { WebGPUContext: { destroy(): Promise<void> } };

/** gpu.js's names: `webasm` runs on the processor with SIMD and threads, `cpu` is its plain JavaScript. */
export type Backend = 'webgpu' | 'webasm' | 'cpu';

/** A value in device memory. */
export interface DeviceValue {
  readonly deviceValue: never;
}

export type Launch = (...args: readonly (DeviceValue | number)[]) => DeviceValue;

export interface KernelSettings {
  /** Threads, one value each. */
  readonly size: number;
  readonly constants: Readonly<Record<string, number>>;
  /** How many of the last arguments are whole numbers; those before are arrays. */
  readonly numbers: number;
  /** True for threads that loop over many values; see `forWebAssembly`. */
  readonly loops: boolean;
}

/** Arguments of a pass: arrays of fixed sizes and whole numbers. */
export type PassArguments = readonly (Float32Array | number)[];

/** A compiled sequence of launches. */
export interface Pass {
  /** `fused-encoder` (WebGPU), `fused-threaded` or `fused-sync` (WebAssembly), `generic` (cpu); known after a run. */
  readonly executor: string;
  run(args: PassArguments): Promise<Float32Array>;
}

export interface Device {
  readonly backend: Backend;
  kernel<Constants extends object>(
    run: (this: GpuThread<Constants>, ...args: never[]) => number | Unwritten,
    settings: KernelSettings,
  ): Launch;
  /** Moves weights to the device when the pass is compiled. The array must not change after that. */
  constant(values: Float32Array, columns?: number): DeviceValue;
  pass(trace: (...args: DeviceValue[]) => DeviceValue, argumentCount: number): Pass;
  close(): Promise<void>;
}

/** What this place offers: WebGPU where an adapter answers, else WebAssembly. */
export async function bestBackend(): Promise<Backend> {
  return (await hasWebGpu()) ? 'webgpu' : 'webasm';
}

async function hasWebGpu(): Promise<boolean> {
  return GPU.isWebGPUSupported && (await GPU.isWebGPUAvailable().catch(() => false));
}

/** @throws OptionError where the backend is not to be had here */
export async function openDevice(backend: Backend): Promise<Device> {
  const isThere = backend === 'webgpu' ? await hasWebGpu() : backend === 'cpu' || GPU.isWebAssemblySupported;
  if (!isThere) {
    throw new OptionError({
      what: 'backend of the GPU-style baseline',
      given: backend,
      expected: 'one that this machine has',
      todo: 'Use webasm, which runs on every processor, or a machine with a GPU.',
    });
  }
  return new GpuJsDevice(backend);
}

/** Instances on WebGPU: they share one device, and the last one out gives it back. */
let openOnGpu = 0;

class GpuJsDevice implements Device {
  readonly backend: Backend;
  private readonly gpu: GPU;
  private closed: Promise<void> | null = null;

  constructor(backend: Backend) {
    this.backend = backend;
    this.gpu = new GPU({ mode: backend });
    if (backend === 'webgpu') openOnGpu++;
  }

  kernel<Constants extends object>(
    run: (this: GpuThread<Constants>, ...args: never[]) => number | Unwritten,
    { size, constants, numbers, loops }: KernelSettings,
  ): Launch {
    const isWebAssembly = this.backend === 'webasm';
    const { text, counters } = isWebAssembly
      ? forWebAssembly(String(run), loops)
      : { text: String(run), counters: [] };
    const settings: IGPUKernelSettings = { constants, output: isWebAssembly && loops ? [1, size] : [size] };
    // Its plain JavaScript takes values as they come.
    if (this.backend !== 'cpu') settings.argumentTypes = argumentTypes(text, numbers + counters.length);
    return asLaunch(this.gpu.createKernel(text, settings), counters.length);
  }

  constant(values: Float32Array, columns?: number): DeviceValue {
    const size: [number] | [number, number] =
      columns === undefined ? [values.length] : [columns, values.length / columns];
    return onDevice(values, size) as unknown as DeviceValue;
  }

  pass(trace: (...args: DeviceValue[]) => DeviceValue, argumentCount: number): Pass {
    return new GpuJsPass(this.gpu, this.backend, trace, argumentCount);
  }

  close(): Promise<void> {
    this.closed ??= this.release();
    return this.closed;
  }

  private async release(): Promise<void> {
    await this.gpu.destroy();
    if (this.backend === 'webgpu' && --openOnGpu === 0) await WebGPUContext.destroy();
  }
}

/** gpu.js stops loops whose end it does not know after 1000 rounds. */
const LONGEST_LOOP = 2 ** 30;

/** Types for the arguments in the text of a kernel; left to itself gpu.js takes every number for a float. */
function argumentTypes(source: string, numbers: number): ITypesList {
  const names = source.slice(source.indexOf('(') + 1, source.indexOf(')')).split(',');
  const arrays = names.length - numbers;
  const types = names.map((name, i) => [name.trim(), i < arrays ? 'Input' : 'Integer']);
  // Its declarations leave `Input` out.
  return Object.fromEntries(types) as unknown as ITypesList;
}

/** gpu.js's types ask for plain arrays; it takes typed ones as they are. */
function onDevice(values: Float32Array, size: [number] | [number, number]): Input {
  return new Input(values as unknown as number[], size);
}

/** While a pass is traced a kernel answers with a handle; nothing runs. Counters of loops start at 0. */
function asLaunch(kernel: IKernelRunShortcut, counters: number): Launch {
  kernel.setLoopMaxIterations(LONGEST_LOOP);
  const zeros = new Array<number>(counters).fill(0);
  return (...args) => (kernel as unknown as Launch)(...args, ...zeros);
}

/**
 * The text of a kernel in the form that gpu.js's WebAssembly backend makes fast code of. It keeps every local in
 * floating point, loop counters too, and converts them for every access: only an argument can be an integer, so
 * counters become arguments. And it has no vector load: lanes along x gather one value at a time, so threads that loop
 * run along y, one after the other. Together 2.4 times the speed.
 */
export function forWebAssembly(source: string, loops: boolean): { text: string; counters: string[] } {
  const counters = new Set<string>();
  const text = source.replace(/\bfor\s*\(\s*(?:let|var)\s+(\w+)\s*=/g, (_, name: string) => {
    counters.add(name);
    return `for (${name} =`;
  });
  const open = text.indexOf('(');
  const close = text.indexOf(')');
  const shadowed = text
    .slice(open + 1, close)
    .split(',')
    .find((name) => counters.has(name.trim()));
  if (shadowed !== undefined) {
    throw new EngineError({
      what: 'a kernel for gpu.js',
      given: `a loop whose counter hides the argument ${shadowed.trim()}: its names were shortened by a minifier`,
      expected: 'the names of the source',
      todo: 'Bundle the kernels without compressing statements and names: gpu.js reads them as text.',
    });
  }
  const withArguments = `${text.slice(0, close)}${[...counters].map((name) => `, ${name}`).join('')}${text.slice(close)}`;
  return {
    text: loops ? withArguments.replaceAll('this.thread.x', 'this.thread.y') : withArguments,
    counters: [...counters],
  };
}

type Pipeline = ReturnType<GPU['createPipeline']>;

class GpuJsPass implements Pass {
  private readonly pipeline: Pipeline;
  private readonly backend: Backend;

  constructor(
    gpu: GPU,
    backend: Backend,
    trace: (...args: DeviceValue[]) => DeviceValue,
    argumentCount: number,
  ) {
    this.backend = backend;
    // gpu.js asks the function for its length.
    const orchestrate = (...handles: DeviceValue[]): DeviceValue => trace(...handles);
    Object.defineProperty(orchestrate, 'length', { value: argumentCount });
    this.pipeline = gpu.createPipeline(orchestrate as unknown as Parameters<GPU['createPipeline']>[0]);
  }

  get executor(): string {
    return this.pipeline.executorKind;
  }

  async run(args: PassArguments): Promise<Float32Array> {
    let result: unknown;
    try {
      result = await this.pipeline(
        ...args.map((arg) => (typeof arg === 'number' ? arg : onDevice(arg, [arg.length]))),
      );
    } catch (cause) {
      // Why it gave up its fused executor says more than how the other one failed.
      const reason = this.backend === 'cpu' ? null : this.pipeline.fallbackReason;
      throw this.failed(reason ?? messageOf(cause), cause);
    }
    // Without its fused executor gpu.js uploads every weight again for every pass: that would prove nothing.
    if (this.backend !== 'cpu' && this.pipeline.fallbackReason !== null) {
      throw this.failed(this.pipeline.fallbackReason);
    }
    // Threads along y come back as rows of one value.
    if (result instanceof Float32Array) return result;
    return Float32Array.from(result as readonly Float32Array[], (row) => row[0]!);
  }

  private failed(given: string, cause?: unknown): EngineError {
    const facts = {
      what: `gpu.js on ${this.backend}`,
      given,
      expected: 'a pass that runs',
      todo: 'Try a smaller model or a shorter context, or another backend.',
    };
    return new EngineError(facts, { cause });
  }
}
