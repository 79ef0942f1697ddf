/**
 * The GPU-style engine: layer by layer, kernel by kernel, weights and activations in device memory. It is the measured
 * counterpart of what waferflow's runtime does, on the same model files and with the same sampler.
 */
import type { Model, ModelShape } from '../../models/model.js';
import { cachedValues, weightShapes } from '../../models/weights.js';
import { ModelError, OptionError } from '../core/errors.js';
import { formatBytes, GiB, type MeasuredMs } from '../core/units.js';
import { readGguf } from '../formats/gguf.js';
import { readModel } from '../formats/model-file.js';
import type { ByteSource } from '../formats/source.js';
import { createTokenizer } from '../formats/tokenizer.js';
import type { Tokenizer } from '../formats/tokenizer-types.js';
import { validateGenerate } from '../runtime/engine/options.js';
import { Sampler } from '../runtime/leader/sampler.js';
import type { FinishReason, SamplingOptions } from '../runtime/types.js';
import { type Backend, bestBackend, type Device, openDevice } from './device.js';
import { type CompiledPass, CUTS, type Cut, compilePass } from './pass.js';
import { readWeights } from './weights.js';

export interface BaselineOptions {
  /** Default: WebGPU where an adapter answers, else gpu.js's WebAssembly backend. */
  readonly backend?: Backend;
  /** Tokens that the KV cache holds; default: the model's own context, at most 1024. */
  readonly context?: number;
  /** How passes are cut; default: what suits the backend. For tests and measurements. */
  readonly cut?: Partial<Cut>;
  readonly onProgress?: (loadedBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface BaselineGenerateOptions extends SamplingOptions {
  /** Default 128; the context bounds it as well. */
  readonly maxTokens?: number;
  /** Takes end tokens for plain ones; for benches. */
  readonly ignoreEos?: boolean;
  readonly signal?: AbortSignal;
}

export interface BaselineTimings {
  /** From the call of generate to the first token. */
  readonly ttftMs: MeasuredMs;
  /** From the first token to the last. */
  readonly decodeMs: MeasuredMs;
  readonly prefillTokensPerSecond: number;
  /** (ids - 1) / decodeMs; 0 with fewer than two. */
  readonly decodeTokensPerSecond: number;
  /** Between two tokens, one fewer than ids. */
  readonly itlMs: readonly MeasuredMs[];
}

export interface BaselineEnd {
  readonly ids: readonly number[];
  readonly finishReason: FinishReason;
  readonly timings: BaselineTimings;
}

/** Since the engine was opened. */
export interface BaselineCounters {
  readonly passes: number;
  readonly launches: number;
  /** Through device memory, each operand of a launch counted once. */
  readonly bytesMoved: number;
}

export interface Baseline {
  readonly backend: Backend;
  /** The backend and how gpu.js runs a pass on it, for people. */
  readonly description: string;
  readonly config: ModelShape;
  readonly tokenizer: Tokenizer;
  readonly context: number;
  /** Weights in device memory, in float32. */
  readonly weightBytes: number;
  readonly counters: BaselineCounters;
  /** Launches, and bytes moved, of one decode step at a position. */
  step(position: number): { readonly launches: number; readonly bytes: number };
  generate(promptIds: readonly number[], options?: BaselineGenerateOptions): Promise<BaselineEnd>;
  /** The logits [vocabSize] after the last of `ids`. */
  logits(ids: readonly number[]): Promise<Float32Array>;
  close(): Promise<void>;
}

/** What gpu.js calls its ways to run a pass. */
const EXECUTORS: Readonly<Record<string, string>> = {
  'fused-encoder': 'one submission per pass',
  'fused-threaded': 'a thread per core',
  'fused-sync': 'one thread',
  generic: 'one thread',
};

const defaultContext = 1024;
const defaultMaxTokens = 128;
/** WebAssembly memory; a GPU's own limits are the driver's to report. */
const memoryBytes = 4 * GiB;

/**
 * Opens a model from its GGUF file. Weights of any type become float32, since gpu.js has no other arrays.
 *
 * @throws FormatError, ModelError, OptionError, EngineError, or the signal's reason
 */
export async function openBaseline(source: ByteSource, options: BaselineOptions = {}): Promise<Baseline> {
  options.signal?.throwIfAborted();
  const file = await readGguf(source);
  const { model, tensors } = readModel(file);
  const config = model.shape;
  const tokenizer = createTokenizer(file);
  const backend = options.backend ?? (await bestBackend());
  const context = contextOf(options.context, config);
  const weightBytes = deviceWeightBytes(model);
  requireRoom(backend, source.name, weightBytes + 4 * context * cachedValues(model.ops));
  const cut: Cut = { ...CUTS[backend], ...options.cut };
  const { signal, onProgress } = options;
  const device = await openDevice(backend);
  try {
    const weights = await readWeights({ file, tensors, signal, onProgress });
    const compiled = compilePass(device, { model, weights, context, cut });
    const engine = new BaselineEngine({ device, compiled, cut, config, tokenizer, context, weightBytes });
    // Compiles the kernels and uploads the weights.
    await engine.logits([0]);
    return engine;
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** Bytes of all weights in float32 as they lie in device memory; a tied head lies there twice. */
function deviceWeightBytes({ ops, shape }: Model): number {
  let count = shape.tieWordEmbeddings ? shape.vocabSize * shape.hiddenSize : 0;
  for (const sizes of weightShapes(ops).values()) count += sizes.reduce((a, b) => a * b, 1);
  return 4 * count;
}

function contextOf(given: number | undefined, config: ModelShape): number {
  const context = given ?? Math.min(config.maxPositionEmbeddings, defaultContext);
  if (Number.isSafeInteger(context) && context >= 2 && context <= config.maxPositionEmbeddings)
    return context;
  throw new OptionError({
    what: 'context',
    given: String(given),
    expected: `a whole number from 2 to ${config.maxPositionEmbeddings}, the model’s own`,
    todo: 'Choose a context within these bounds.',
  });
}

function requireRoom(backend: Backend, name: string, bytes: number): void {
  if (backend === 'webgpu' || bytes < memoryBytes) return;
  throw new ModelError({
    what: `${name}: weights in float32 and KV cache`,
    given: formatBytes(bytes),
    expected: `less than ${formatBytes(memoryBytes)} of WebAssembly memory`,
    todo: 'Take a smaller model for the baseline: gpu.js holds weights in float32 only.',
  });
}

interface EngineParts {
  readonly device: Device;
  readonly compiled: CompiledPass;
  readonly cut: Cut;
  readonly config: ModelShape;
  readonly tokenizer: Tokenizer;
  readonly context: number;
  readonly weightBytes: number;
}

class BaselineEngine implements Baseline {
  readonly backend: Backend;
  readonly config: ModelShape;
  readonly tokenizer: Tokenizer;
  readonly context: number;
  readonly weightBytes: number;
  private readonly parts: EngineParts;
  private readonly ids: Float32Array;
  private passes = 0;
  private bytesMoved = 0;
  /** Ends when the last call has ended: there is one KV cache. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(parts: EngineParts) {
    this.parts = parts;
    this.backend = parts.device.backend;
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.context = parts.context;
    this.weightBytes = parts.weightBytes;
    this.ids = new Float32Array(parts.cut.tokens);
  }

  get description(): string {
    const { device, compiled } = this.parts;
    return `gpu.js ${device.backend}, ${EXECUTORS[compiled.pass.executor] ?? compiled.pass.executor}`;
  }

  get counters(): BaselineCounters {
    return {
      passes: this.passes,
      launches: this.passes * this.parts.compiled.launches,
      bytesMoved: this.bytesMoved,
    };
  }

  step(position: number): { launches: number; bytes: number } {
    const { launches, bytes, bytesPerPosition } = this.parts.compiled;
    return { launches, bytes: bytes + bytesPerPosition * (position + 1) };
  }

  async generate(promptIds: readonly number[], options: BaselineGenerateOptions = {}): Promise<BaselineEnd> {
    const startMs = performance.now();
    validateGenerate(options, this.tokenizer.vocabSize);
    this.checkIds(promptIds, this.context - 1);
    return await this.alone(() => this.run(promptIds, options, startMs));
  }

  private async run(
    promptIds: readonly number[],
    options: BaselineGenerateOptions,
    startMs: number,
  ): Promise<BaselineEnd> {
    const { signal } = options;
    const sampler = new Sampler(this.tokenizer.vocabSize, options, promptIds);
    const most = Math.min(options.maxTokens ?? defaultMaxTokens, this.context - promptIds.length);
    const ids: number[] = [];
    const itlMs: MeasuredMs[] = [];
    let firstMs = 0;
    let lastMs = 0;
    let finishReason: FinishReason = 'length';
    const prefillMs = performance.now();
    let logits = await this.feed(promptIds, 0, signal);
    while (logits !== null) {
      const id = sampler.sample(logits.subarray(0, this.tokenizer.vocabSize));
      sampler.accept(id);
      const now = performance.now();
      if (ids.length === 0) firstMs = now;
      else itlMs.push(now - lastMs);
      lastMs = now;
      if (!options.ignoreEos && this.tokenizer.eosIds.has(id)) {
        finishReason = 'stop';
        break;
      }
      ids.push(id);
      if (ids.length >= most) break;
      logits = await this.feed([id], promptIds.length + ids.length - 1, signal);
    }
    if (logits === null) finishReason = 'cancelled';
    const decodeMs = ids.length > 1 ? lastMs - firstMs : 0;
    return {
      ids,
      finishReason,
      timings: {
        ttftMs: ids.length > 0 ? firstMs - startMs : 0,
        decodeMs,
        prefillTokensPerSecond: firstMs > 0 ? (1000 * promptIds.length) / (firstMs - prefillMs) : 0,
        decodeTokensPerSecond: decodeMs > 0 ? (1000 * (ids.length - 1)) / decodeMs : 0,
        itlMs,
      },
    };
  }

  async logits(ids: readonly number[]): Promise<Float32Array> {
    this.checkIds(ids, this.context);
    const logits = await this.alone(() => this.feed(ids, 0));
    return logits!;
  }

  async close(): Promise<void> {
    await this.parts.device.close();
  }

  /** Runs ids through the model, the first at `position`; the logits after the last, null once cancelled. */
  private async feed(
    ids: readonly number[],
    position: number,
    signal?: AbortSignal,
  ): Promise<Float32Array | null> {
    const { compiled, cut } = this.parts;
    let logits: Float32Array | null = null;
    for (let from = 0; from < ids.length; from += cut.tokens) {
      if (signal?.aborted) return null;
      const chunk = ids.slice(from, from + cut.tokens);
      this.ids.set(chunk);
      const isLast = from + cut.tokens >= ids.length;
      logits = await compiled.pass.run([this.ids, position + from, chunk.length, isLast ? 1 : 0]);
      this.passes++;
      this.bytesMoved += this.step(position + from).bytes;
    }
    return logits;
  }

  private async alone<T>(job: () => Promise<T>): Promise<T> {
    const before = this.queue;
    const mine = before.then(job, job);
    this.queue = mine.catch(() => undefined);
    return await mine;
  }

  private checkIds(ids: readonly number[], most: number): void {
    const { vocabSize } = this.config;
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (wrong === undefined && ids.length > 0 && ids.length <= most) return;
    throw new OptionError({
      what: 'ids',
      given: wrong === undefined ? `${ids.length} tokens` : `token id ${wrong}`,
      expected: wrong === undefined ? `1 to ${most} tokens` : `whole numbers from 0 to ${vocabSize - 1}`,
      todo: 'Shorten the prompt, choose a longer context, or take ids from the model’s own tokenizer.',
    });
  }
}
