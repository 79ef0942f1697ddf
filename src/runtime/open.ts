/** From a byte source to a running engine: read, place, lay out, load, start. The same in Node and in a browser. */
import { writesText } from '../../models/embedding.js';
import type { Model } from '../../models/model.js';
import { parameterCount } from '../../models/weights.js';
import { OptionError } from '../core/errors.js';
import { GiB } from '../core/units.js';
import { type GgufFile, readGguf } from '../formats/gguf.js';
import type { GgufMetadata } from '../formats/gguf-metadata.js';
import { readModel } from '../formats/model-file.js';
import type { ByteSource } from '../formats/source.js';
import { tensorType } from '../formats/tensor-types.js';
import { createTokenizer } from '../formats/tokenizer.js';
import { placeOnRectangle } from '../placement/place.js';
import type { Plan } from '../placement/plan.js';
import { type AdapterChoices, adapt, type OpenAdapter } from './adapters.js';
import type { Crew } from './engine/crew.js';
import { WaferEngine } from './engine/engine.js';
import { checkNames, validateDefaults } from './engine/options.js';
import { recommendedSampling } from './engine/recommended.js';
import type { TextHelper } from './engine/texts.js';
import { createFeed, FeedReader } from './feed.js';
import { requireFit } from './fit.js';
import type { CompileElsewhere } from './grammar/compiled.js';
import type { LeaderInit } from './leader/leader.js';
import type { KernelBuilds } from './program/builds.js';
import { writeControl } from './program/control.js';
import { kvPagePositions } from './program/frame.js';
import { compileImages, type Images } from './program/images.js';
import { compileKernels, instantiateKernels } from './program/kernels.js';
import { type Layouts, layOut } from './program/layout.js';
import { requireKernels, scratchOf, stateWordsOf } from './program/ops/index.js';
import { fillRopeTables } from './program/rope.js';
import type { Layout } from './program/shard.js';
import { allocate, type LoadTarget, loadWeights } from './program/weights.js';
import {
  type GenerateDefaults,
  type KvType,
  kvTypes,
  type LoadOptions,
  simdModes,
  type Tokenizer,
} from './types.js';

/** What differs between Node and a browser. */
export interface Platform {
  readonly cores: number;
  /** Of memory, all that there is; left out where nobody says. */
  readonly memoryBytes?: number;
  /** Whether threads can share memory; where they cannot, one worker computes, on the engine's own thread. */
  readonly isShared: boolean;
  readonly kernels: KernelBuilds;
  startCrew(init: LeaderInit): Promise<Crew>;
  /** Opens the files of an adapter; left out where there are none. */
  readonly openAdapter?: OpenAdapter;
  /** Compiles a grammar where it holds up nobody; left out where there is no such place. */
  readonly compileGrammar?: CompileElsewhere;
  /** Begins to encode long texts there, by what the model's file says; as above. */
  readonly startTexts?: (metadata: GgufMetadata) => TextHelper;
}

/** What WebAssembly's 32 bits address, but for the last page: engines disagree on the length of a view of all of it. */
const mostShardBytes = 4 * GiB - 65536;
const defaultContext = 4096;
const defaultPrefillChunk = 64;
const defaultMaxRunning = 8;
/**
 * Opens a model. Nothing stays behind when it fails: no worker, no memory.
 * @throws FormatError, ModelError, OptionError, EngineError, or the signal's reason
 */
export async function openEngine(
  source: ByteSource,
  options: LoadOptions,
  platform: Platform,
): Promise<WaferEngine> {
  const startMs = performance.now();
  const { signal } = options;
  signal?.throwIfAborted();
  const prepared = await prepare(source, options, platform);
  requireFit(prepared, platform.memoryBytes ?? Number.POSITIVE_INFINITY);
  const { file, model, parameters, adapters, tokenizer, sampling, settings, layouts, program } = prepared;
  const { shape } = model;
  const layout = layouts.all[0]!;
  const { simd, module } = await compileKernels(platform.kernels, options.simd ?? 'auto');

  const targets = layouts.all.map((one, shard): LoadTarget => {
    const memory = allocate(one.arena.size(), platform.isShared);
    const words = new Int32Array(memory.buffer);
    for (const { address, words: values } of program.blocks[shard]!) words.set(values, address / 4);
    writeControl(words, one, platform.cores);
    return { memory, kernels: instantiateKernels(module, memory), layout: one };
  });
  const memories = targets.map(({ memory }) => memory);
  const feed = createFeed(platform.isShared);
  const starting = platform.startCrew({
    module,
    memories,
    feed,
    pages: layout.pages,
    maxRunning: layout.maxRunning,
    prefillChunk: settings.prefillChunk,
    pagesPerSequence: layout.pagesPerSequence,
    control: layout.control,
    workers: layout.workers,
    maxRows: layout.maxRows,
    vocabSize: layout.vocabSize,
    images: program.images,
    isCausal: model.isCausal,
    pageTable: layout.pageTable,
    states: layouts.all.map(({ states }) => states),
    stateCopies: layout.stateCopies,
    isProfiled: options.profile ?? false,
  });
  // Threads start while weights are read.
  starting.catch(() => undefined);
  try {
    await loadWeights({ source: file.source, targets, onProgress: options.onProgress, signal });
    for (const target of targets) fillRopeTables(target.kernels, target.memory, target.layout);
  } catch (error) {
    await starting.then(
      (crew) => crew.stop(),
      () => undefined,
    );
    throw error;
  }
  const crew = await starting;
  crew.hold(true);
  try {
    await Promise.race([crew.leader.warmUp(), crew.failed]);
  } catch (error) {
    await crew.stop();
    throw error;
  }
  crew.hold(false);
  const info = {
    name: file.optional('general.name', 'string', null) ?? source.name,
    architecture: model.architecture,
    config: shape,
    parameters,
    weightBytes: prepared.weightBytes,
    kvBytes: prepared.kvBytes,
    kvBytesPerToken: prepared.kvBytes / (layout.pages * kvPagePositions),
    context: layout.context,
    workers: layout.workers,
    simd,
    kvType: settings.kvType,
    loadMs: performance.now() - startMs,
    licence: file.optional('general.license', 'string', null),
    embedding: {
      dimensions: (program.images.embeddings.tail?.out ?? program.images.embeddings.rows).features,
      pooling: model.pooling ?? (writesText(model) ? 'last' : 'mean'),
      isOnly: !writesText(model),
      isRanker: model.isRanker,
    },
    adapters: adapters.names,
    sampling,
  };
  const engine = new WaferEngine({
    info,
    tokenizer,
    adapters,
    feed: new FeedReader(feed),
    crew,
    memories,
    control: layout.control,
    kvTokens: settings.kvTokens,
    compileElsewhere: platform.compileGrammar ?? null,
    texts: platform.startTexts?.(file.metadata) ?? null,
  });
  if (signal?.aborted) {
    await engine.close();
    signal.throwIfAborted();
  }
  return engine;
}

/** What is known of a model before any of its weights is read. */
export interface Prepared {
  readonly file: GgufFile;
  readonly model: Model;
  /** Without those of adapters. */
  readonly parameters: number;
  readonly adapters: AdapterChoices;
  readonly tokenizer: Tokenizer;
  readonly sampling: GenerateDefaults;
  readonly settings: Settings;
  readonly layouts: Layouts;
  readonly program: Program;
  /** Of all memories, of weights and of the KV cache. */
  readonly memoryBytes: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
}

/** A model's header, as if its matrices were stored in another type where one is named. */
async function readAs(source: ByteSource, quantisation: string | undefined): Promise<GgufFile> {
  if (quantisation === undefined) return readGguf(source);
  const { quantized, requireQuantisation } = await import('../formats/requantize.js');
  requireQuantisation(quantisation);
  return quantized(await readGguf(source), quantisation);
}

/**
 * Reads a model's header and lays it out, and loads nothing: its arena says what it would take.
 * @throws FormatError, ModelError or OptionError, where it could not be loaded either
 */
export async function prepare(
  source: ByteSource,
  options: LoadOptions,
  platform: Pick<Platform, 'cores' | 'isShared' | 'openAdapter'>,
): Promise<Prepared> {
  const plain = await readAs(source, options.quantize);
  checkStretch(options);
  const stored = readModel(plain, options.ropeScaling ?? null);
  const adapted = await adapt({ file: plain, stored }, options, platform.openAdapter);
  const { file, adapters } = adapted;
  const { model, tensors } = adapted.stored;
  const { shape } = model;
  const settings = checkOptions(options, model, platform);
  const blockElements = (tensor: string): number => tensorType(tensors.get(tensor)!.type).blockElements;
  const plan = placeOnRectangle(model, options.rectangle ?? { width: 1, height: 1 }, blockElements);
  requireKernels(source.name, plan.ops);
  const tokenizer = createTokenizer(file, options);
  const sampling = { ...recommendedSampling(file), ...options.defaults };
  validateDefaults(sampling, tokenizer.vocabSize);
  if (tokenizer.vocabSize > shape.vocabSize) {
    throw new OptionError({
      what: `${source.name}: vocabulary`,
      given: `${tokenizer.vocabSize} tokens in the tokenizer`,
      expected: `at most ${shape.vocabSize}, the rows of the embedding`,
      todo: 'The file disagrees with itself: fetch or convert it again.',
    });
  }
  const layouts = layOut(plan, tensors, {
    ...settings,
    vocabSize: tokenizer.vocabSize,
    scratchBytes: scratchOf(plan.ops, settings.maxRows),
    stateWords: stateWordsOf(plan.ops),
  });
  const sumOf = (bytes: (layout: Layout) => number): number =>
    layouts.all.reduce((sum, layout) => sum + bytes(layout), 0);
  // What is too large for any memory has no program.
  sumOf(({ arena }) => arena.size());
  const program = planProgram(plan, layouts);
  const parameters = parameterCount(stored.model.ops);
  const sizes = {
    memoryBytes: sumOf(({ arena }) => arena.size()),
    weightBytes: sumOf(({ weightBytes }) => weightBytes),
    kvBytes: sumOf(({ kvBytes }) => kvBytes),
  };
  return { file, model, parameters, adapters, tokenizer, sampling, settings, layouts, program, ...sizes };
}

interface Settings {
  readonly workers: number;
  readonly context: number;
  readonly maxRunning: number;
  readonly kvTokens: number;
  readonly prefillChunk: number;
  readonly maxRows: number;
  readonly kvType: KvType;
  readonly shardBytes: number;
}

const loadNames: Readonly<Record<keyof LoadOptions, true>> = {
  lora: true,
  loraMerge: true,
  context: true,
  workers: true,
  kvType: true,
  prefillChunk: true,
  simd: true,
  rectangle: true,
  maxRunning: true,
  kvTokens: true,
  ropeScaling: true,
  chatTemplate: true,
  chatVariables: true,
  defaults: true,
  quantize: true,
  shardBytes: true,
  profile: true,
  onProgress: true,
  signal: true,
};

/** @throws OptionError for a stretch that is none */
function checkStretch({ ropeScaling }: LoadOptions): void {
  if (!ropeScaling || (['linear', 'yarn'].includes(ropeScaling.type) && ropeScaling.factor >= 1)) return;
  throw new OptionError({
    what: 'option ropeScaling',
    given: `${ropeScaling.type}:${ropeScaling.factor}`,
    expected: 'linear or yarn, and a factor of at least 1',
    todo: 'Use, for example, yarn:4 for four times the context.',
  });
}

function checkOptions(
  options: LoadOptions,
  { shape, isCausal, mostContext }: Model,
  { cores, isShared }: Pick<Platform, 'cores' | 'isShared'>,
): Settings {
  checkNames(options, Object.keys(loadNames));
  const whole = (what: string, value: number, most: number, why: string, least = 1): number => {
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new OptionError({
      what: `option ${what}`,
      given: `${value}`,
      expected: `a whole number from ${least} to ${most}${why}`,
      todo: 'Leave the option out for the default.',
    });
  };
  const { ropeScaling } = options;
  const stretched = Math.floor(shape.maxPositionEmbeddings * (ropeScaling?.factor ?? 1));
  const trained = Math.min(stretched, mostContext);
  const context = options.context ?? Math.min(trained, defaultContext);
  // A plan of several PEs is what the fabric computes too, and that keeps f32.
  const { kvType = options.rectangle ? 'f32' : 'int16', simd = 'auto' } = options;
  for (const [what, value, allowed] of [
    ['kvType', kvType, kvTypes],
    ['simd', simd, ['auto', ...simdModes]],
  ] as const) {
    if (allowed.some((name) => name === value)) continue;
    throw new OptionError({
      what: `option ${what}`,
      given: `${value}`,
      expected: allowed.join(', '),
      todo: 'Leave the option out for the default.',
    });
  }
  const maxRunning = whole('maxRunning', options.maxRunning ?? defaultMaxRunning, 1024, '');
  const chunk = whole('prefillChunk', options.prefillChunk ?? defaultPrefillChunk, 4096, '');
  const most = whole(
    'context',
    context,
    trained,
    trained < stretched
      ? ', as far as its indexer keeps all positions'
      : ropeScaling
        ? ', the trained context stretched by ropeScaling'
        : ', the context that the model was trained for; ropeScaling stretches it',
  );
  // Positions that see later ones are computed with them.
  const prefillChunk = isCausal ? chunk : Math.max(chunk, most);
  return {
    workers: isShared
      ? whole('workers', options.workers ?? cores, 64, '')
      : whole('workers', options.workers ?? 1, 1, ', as threads cannot share memory here'),
    context: most,
    maxRunning,
    kvTokens: whole('kvTokens', options.kvTokens ?? context, 2 ** 31, '', Math.min(kvPagePositions, context)),
    prefillChunk,
    // Every running sequence decodes in every step, whatever else is in it.
    maxRows: prefillChunk + maxRunning,
    kvType,
    shardBytes: whole('shardBytes', options.shardBytes ?? mostShardBytes, mostShardBytes, ''),
  };
}

interface Program {
  /** By shard. */
  readonly blocks: readonly (readonly WordBlock[])[];
  readonly images: Images;
}

interface WordBlock {
  readonly address: number;
  readonly words: readonly number[];
}

/** The programs and their tables with their addresses. Takes the last of the layouts' memories. */
function planProgram(plan: Plan, layouts: Layouts): Program {
  const blocks = layouts.all.map((): WordBlock[] => []);
  const puts = layouts.all.map(({ arena }, shard) => (words: readonly number[]): number => {
    const address = arena.take(words.length * 4, 'program');
    blocks[shard]!.push({ address, words });
    return address;
  });
  return { blocks, images: compileImages(plan, layouts, puts) };
}
