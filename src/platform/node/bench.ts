/** What a bench needs of this machine: its description, model files, and entrants opened from them. */
import { readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { ModelShape } from '../../../models/model.js';
import { parameterCount } from '../../../models/weights.js';
import type { Backend } from '../../baseline/device.js';
import { baselineEntrant, type Entrant, runtimeEntrant } from '../../bench/entrants.js';
import type { BenchMachine, BenchModel } from '../../bench/types.js';
import { readGguf } from '../../formats/gguf.js';
import type { TensorInfo } from '../../formats/gguf-file.js';
import { readModel } from '../../formats/model-file.js';
import { type RandomLlama, randomModel } from '../../formats/random-model.js';
import type { WeightType } from '../../formats/tensor-types.js';
import { measureBandwidth } from './bandwidth.js';
import { openFileSource } from './file-source.js';
import { load } from './load.js';

/** Shapes of real models, filled with seeded random weights: llama2.c's 15M and SmolLM's 135M. */
const SHAPES = {
  '15M': {
    hiddenSize: 288,
    numHiddenLayers: 6,
    numAttentionHeads: 6,
    numKeyValueHeads: 6,
    intermediateSize: 768,
    vocabSize: 32000,
  },
  '135M': {
    hiddenSize: 576,
    numHiddenLayers: 30,
    numAttentionHeads: 9,
    numKeyValueHeads: 3,
    intermediateSize: 1536,
    vocabSize: 49152,
  },
} satisfies Readonly<Record<string, RandomLlama>>;

export type ShapeName = keyof typeof SHAPES;

export interface BenchFile {
  readonly path: string;
  readonly config: ModelShape;
  readonly model: BenchModel;
}

/** A directory for model files that goes with the bench. */
export async function withTemporaryDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'waferflow-bench-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes a model of a shape; the same bytes every time. */
export async function writeShape(
  directory: string,
  shape: ShapeName,
  weightType: WeightType,
  signal: AbortSignal,
): Promise<BenchFile> {
  const path = join(directory, `${shape}-${weightType}.gguf`);
  const file = await open(path, 'w');
  try {
    for (const chunk of randomModel({ ...SHAPES[shape], weightType, context: 2048 }).chunks()) {
      signal.throwIfAborted();
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return await describeModel(path, `${shape} ${weightType}`, 'random');
}

/** A model file as the results name it. */
export async function describeModel(
  path: string,
  name: string,
  weights: BenchModel['weights'],
): Promise<BenchFile> {
  const source = await openFileSource(path);
  try {
    const file = await readGguf(source);
    const { model, tensors } = readModel(file);
    const { shape } = model;
    return {
      path,
      config: shape,
      model: {
        name,
        weights,
        weightType: mostly(tensors.values()),
        parameters: parameterCount(model.ops),
        layers: shape.numHiddenLayers,
        hiddenSize: shape.hiddenSize,
        vocabSize: shape.vocabSize,
        fileBytes: [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
      },
    };
  } finally {
    await source.close();
  }
}

/** The type of most of the weights: embedding and head of a mixture have others. */
function mostly(tensors: Iterable<TensorInfo>): string {
  const weights = new Map<string, number>();
  for (const { type, dims, elements } of tensors)
    if (dims.length > 1) weights.set(type, (weights.get(type) ?? 0) + elements);
  return [...weights].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 'F32';
}

/** waferflow's runtime with room for every case. */
export async function openRuntime(
  { path }: BenchFile,
  context: number,
  maxRunning: number,
  signal: AbortSignal,
): Promise<Entrant> {
  return runtimeEntrant(await load(path, { context, kvTokens: context * maxRunning, maxRunning, signal }));
}

/** The GPU-style baseline on a backend, or on the best one here. */
export async function openBaselineFile(
  { path }: BenchFile,
  context: number,
  backend: Backend | undefined,
  signal: AbortSignal,
): Promise<Entrant> {
  const source = await openFileSource(path);
  try {
    const options = { context, signal, ...(backend && { backend }) };
    // gpu.js takes long to load and is wanted here only.
    const { openBaseline } = await import('../../baseline/engine.js');
    return baselineEntrant(await openBaseline(source, options));
  } finally {
    await source.close();
  }
}

/** This machine; takes a second, since it measures the memory. */
export async function describeMachine(gpu: string | null): Promise<BenchMachine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${process.platform} ${process.arch}`,
    gpu,
    load: loadavg()[0]!,
    bandwidth: await measureBandwidth(),
  };
}

/** Versions of what takes part. */
export function versions(): Record<string, string> {
  const read = (path: URL): string => (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  return {
    waferflow: read(new URL('../../../../package.json', import.meta.url)),
    node: process.versions.node,
    v8: process.versions.v8,
    'gpu.js': read(new URL('package.json', new URL('../', import.meta.resolve('gpu.js')))),
  };
}
