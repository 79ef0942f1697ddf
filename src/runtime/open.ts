/** From a byte source to a running engine: read, place, lay out, load, start. The same in Node and in a browser. */
import {
  CTL_ABORT,
  CTL_ACT,
  CTL_ACT_STRIDE,
  CTL_ACTQ,
  CTL_ACTQ_STRIDE,
  CTL_ARGMAX,
  CTL_ATTENTION_SCALE,
  CTL_HEAD_DIM,
  CTL_HEADS,
  CTL_KV_HEADS,
  CTL_KV_VALUE_BYTES,
  CTL_LOGIT_INDEX,
  CTL_PAGES,
  CTL_POLLS_LEAST,
  CTL_POLLS_MOST,
  CTL_POSITIONS,
  CTL_PRIVATE,
  CTL_PRIVATE_ACTQ,
  CTL_PRIVATE_SCRATCH,
  CTL_PRIVATE_STRIDE,
  CTL_TOKENS,
} from '../../kernels/program/instructions.js';
import { type LlamaConfig, parameterCount } from '../../models/llama.js';
import { OptionError } from '../core/errors.js';
import { type GgufFile, readGguf } from '../formats/gguf.js';
import {
  llamaConfigOf,
  llamaWeights,
  type RopeStretch,
  ropeFactorsOf,
  ropeStretchOf,
} from '../formats/llama-gguf.js';
import type { ByteSource } from '../formats/source.js';
import { tensorType } from '../formats/tensor-types.js';
import { createTokenizer } from '../formats/tokenizer.js';
import { placeOnRectangle } from '../placement/place.js';
import type { Plan } from '../placement/plan.js';
import type { Crew } from './engine/crew.js';
import { WaferEngine } from './engine/engine.js';
import { checkNames, validateSampling } from './engine/options.js';
import { recommendedSampling } from './engine/recommended.js';
import { createFeed, FeedReader } from './feed.js';
import type { CompileElsewhere } from './grammar/compiled.js';
import type { LeaderInit } from './leader/leader.js';
import { compileImage, floatBits } from './program/image.js';
import {
  compileKernels,
  instantiateKernels,
  type KernelBinaries,
  type KernelExports,
} from './program/kernels.js';
import { type Layout, layOut } from './program/layout.js';
import { allocate, loadWeights, readFloats } from './program/weights.js';
import type { LoadOptions } from './types.js';

/** What differs between Node and a browser. */
export interface Platform {
  readonly cores: number;
  /** Whether threads can share memory; where they cannot, one worker computes, on the engine's own thread. */
  readonly isShared: boolean;
  kernelBinaries(): Promise<KernelBinaries>;
  startCrew(init: LeaderInit): Promise<Crew>;
  /** Compiles a grammar where it holds up nobody; left out where there is no such place. */
  readonly compileGrammar?: CompileElsewhere;
}

const defaultContext = 4096;
const defaultPrefillChunk = 64;
const defaultMaxRunning = 8;
/**
 * Polls of a waiting worker before it sleeps, about 1.5 ns each: 200 microseconds at most bridge every wait for a
 * worker at work and the leader's time between two steps; see kernels/program `waitChange` and bench/LOG.md.
 */
const polls = { least: 4_000, most: 128_000 };
/** With more workers than cores the one that is waited for needs the core that polling would burn. */
const crowdedPolls = { least: 50, most: 50 };

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
  const file = await readGguf(source);
  const config = llamaConfigOf(file);
  const infos = llamaWeights(file, config);
  const stretch = options.ropeScaling
    ? { ...options.ropeScaling, originalContext: config.maxPositionEmbeddings }
    : ropeStretchOf(file, config);
  const settings = checkOptions(options, config, platform);
  const blockElements = (weight: string): number => tensorType(infos.get(weight)!.type).blockElements;
  const plan = placeOnRectangle(config, options.rectangle ?? { width: 1, height: 1 }, blockElements);
  const tokenizer = createTokenizer(file);
  const recommended = recommendedSampling(file);
  validateSampling(recommended);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new OptionError({
      what: `${source.name}: vocabulary`,
      given: `${tokenizer.vocabSize} tokens in the tokenizer`,
      expected: `at most ${config.vocabSize}, the rows of the embedding`,
      todo: 'The file disagrees with itself: fetch or convert it again.',
    });
  }
  const layout = layOut(plan, infos, { ...settings, vocabSize: tokenizer.vocabSize });
  layout.arena.size();
  const usesQ4 = [...infos.values()].some((info) => info.type === 'Q4_0');
  const { simd, module } = await compileKernels(
    await platform.kernelBinaries(),
    options.simd ?? 'auto',
    usesQ4,
  );

  const images = planImages(plan, layout);
  const memory = allocate(layout.arena.size(), platform.isShared);
  const kernels = instantiateKernels(module, memory);
  const words = new Int32Array(memory.buffer);
  for (const { address, words: values } of images.blocks) words.set(values, address / 4);
  writeControl(words, config, layout, platform.cores, stretch);
  await fillRopeTable(file, config, kernels, memory, layout, stretch);
  await loadWeights({ source: file.source, memory, kernels, layout, onProgress: options.onProgress, signal });

  const feed = createFeed(platform.isShared);
  const crew = await platform.startCrew({
    module,
    memory,
    feed,
    pages: layout.pages,
    maxRunning: layout.maxRunning,
    prefillChunk: settings.prefillChunk,
    pagesPerSequence: layout.pagesPerSequence,
    control: layout.control,
    workers: layout.workers,
    maxRows: layout.maxRows,
    prefillImage: images.prefill,
    decodeImage: images.decode,
    vocabSize: layout.vocabSize,
    logits: layout.buffers.logits.address,
    logitsStride: layout.buffers.logits.stride,
    pageTable: layout.pageTable,
  });
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
    architecture: file.require('general.architecture', 'string'),
    config,
    parameters: parameterCount(config),
    weightBytes: layout.weightBytes,
    kvBytes: layout.kvBytes,
    context: layout.context,
    workers: layout.workers,
    simd,
    loadMs: performance.now() - startMs,
    licence: file.optional('general.license', 'string', null),
    sampling: recommended,
  };
  const engine = new WaferEngine({
    info,
    tokenizer,
    feed: new FeedReader(feed),
    crew,
    memory,
    control: layout.control,
    kvTokens: settings.kvTokens,
    compileElsewhere: platform.compileGrammar ?? null,
  });
  if (signal?.aborted) {
    await engine.close();
    signal.throwIfAborted();
  }
  return engine;
}

interface Settings {
  readonly workers: number;
  readonly context: number;
  readonly maxRunning: number;
  readonly kvTokens: number;
  readonly prefillChunk: number;
  readonly maxRows: number;
  readonly kvType: 'f16' | 'f32';
}

const loadNames: Readonly<Record<keyof LoadOptions, true>> = {
  context: true,
  workers: true,
  kvType: true,
  prefillChunk: true,
  simd: true,
  rectangle: true,
  maxRunning: true,
  kvTokens: true,
  ropeScaling: true,
  onProgress: true,
  signal: true,
};

function checkOptions(options: LoadOptions, config: LlamaConfig, { cores, isShared }: Platform): Settings {
  checkNames(options, Object.keys(loadNames));
  const whole = (what: string, value: number, most: number, why: string): number => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new OptionError({
      what: `option ${what}`,
      given: `${value}`,
      expected: `a whole number from 1 to ${most}${why}`,
      todo: 'Leave the option out for the default.',
    });
  };
  const { ropeScaling } = options;
  if (ropeScaling && !(['linear', 'yarn'].includes(ropeScaling.type) && ropeScaling.factor >= 1)) {
    throw new OptionError({
      what: 'option ropeScaling',
      given: `${ropeScaling.type}:${ropeScaling.factor}`,
      expected: 'linear or yarn, and a factor of at least 1',
      todo: 'Use, for example, yarn:4 for four times the context.',
    });
  }
  const trained = Math.floor(config.maxPositionEmbeddings * (ropeScaling?.factor ?? 1));
  const context = options.context ?? Math.min(trained, defaultContext);
  const { kvType = 'f32', simd = 'auto' } = options;
  for (const [what, value, allowed] of [
    ['kvType', kvType, ['f16', 'f32']],
    ['simd', simd, ['auto', 'simd', 'relaxed']],
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
  const prefillChunk = whole('prefillChunk', options.prefillChunk ?? defaultPrefillChunk, 4096, '');
  return {
    workers: isShared
      ? whole('workers', options.workers ?? cores, 64, '')
      : whole('workers', options.workers ?? 1, 1, ', as threads cannot share memory here'),
    context: whole(
      'context',
      context,
      trained,
      ropeScaling
        ? ', the trained context stretched by ropeScaling'
        : ', the context that the model was trained for; ropeScaling stretches it',
    ),
    maxRunning,
    kvTokens: whole('kvTokens', options.kvTokens ?? context, 2 ** 31, ''),
    prefillChunk,
    // Every running sequence decodes in every step, whatever else is in it.
    maxRows: prefillChunk + maxRunning,
    kvType,
  };
}

interface WordBlock {
  readonly address: number;
  readonly words: readonly number[];
}

/** Program images and fold tables with their addresses. Takes the last of the layout's memory. */
function planImages(
  plan: Plan,
  layout: Layout,
): { blocks: readonly WordBlock[]; prefill: number; decode: number } {
  const blocks: WordBlock[] = [];
  const put = (words: readonly number[]): number => {
    const address = layout.arena.take(words.length * 4, 'program');
    blocks.push({ address, words });
    return address;
  };
  const image = (regions: Plan['decode']): number =>
    put(
      compileImage(
        plan.config,
        regions.flatMap((region) => region.ops),
        layout,
        put,
      ),
    );
  const decode = image(plan.decode);
  return { blocks, decode, prefill: plan.prefill === plan.decode ? decode : image(plan.prefill) };
}

function writeControl(
  words: Int32Array,
  config: LlamaConfig,
  layout: Layout,
  cores: number,
  stretch: RopeStretch | null,
): void {
  const at = layout.control / 4;
  const put = (values: Readonly<Record<number, number>>): void => {
    for (const [word, value] of Object.entries(values)) words[at + Number(word)] = value;
  };
  put({
    [CTL_ABORT]: 0,
    [CTL_POLLS_LEAST]: (layout.workers > cores ? crowdedPolls : polls).least,
    [CTL_POLLS_MOST]: (layout.workers > cores ? crowdedPolls : polls).most,
    [CTL_TOKENS]: layout.tokens,
    [CTL_POSITIONS]: layout.positions,
    [CTL_PAGES]: layout.rowPages,
    [CTL_LOGIT_INDEX]: layout.logitIndex,
    [CTL_ARGMAX]: layout.argmax,
    [CTL_ACT]: layout.act.address,
    [CTL_ACT_STRIDE]: layout.act.stride,
    [CTL_ACTQ]: layout.actq.address,
    [CTL_ACTQ_STRIDE]: layout.actq.stride,
    [CTL_PRIVATE]: layout.own.address,
    [CTL_PRIVATE_STRIDE]: layout.own.stride,
    [CTL_PRIVATE_ACTQ]: layout.own.actq,
    [CTL_PRIVATE_SCRATCH]: layout.own.scratch,
    [CTL_HEADS]: config.numAttentionHeads,
    [CTL_KV_HEADS]: config.numKeyValueHeads,
    [CTL_HEAD_DIM]: config.headDim,
    [CTL_KV_VALUE_BYTES]: layout.kvValueBytes,
    [CTL_ATTENTION_SCALE]: floatBits(attentionFactor(stretch) / Math.sqrt(config.headDim)),
  });
}

/** YaRN sharpens attention by its temperature: queries and keys both grow by 0.1 ln(factor) + 1 (Peng et al. 2023). */
function attentionFactor(stretch: RopeStretch | null): number {
  return stretch?.type === 'yarn' ? (0.1 * Math.log(stretch.factor) + 1) ** 2 : 1;
}

async function fillRopeTable(
  file: GgufFile,
  config: LlamaConfig,
  kernels: KernelExports,
  memory: WebAssembly.Memory,
  layout: Layout,
  stretch: RopeStretch | null,
): Promise<void> {
  const { headDim, ropeTheta, ropeScaling: scaling } = config;
  const factors = new Float32Array(memory.buffer, layout.ropeFactors, headDim / 2);
  factors.fill(stretch?.type === 'linear' ? stretch.factor : 1);
  if (stretch?.type === 'yarn') {
    kernels.ropeYarnFactors(layout.ropeFactors, headDim, ropeTheta, stretch.factor, stretch.originalContext);
  }
  const stored = ropeFactorsOf(file, config);
  if (stored !== null) {
    const values = await readFloats(file.source, stored);
    factors.set(values.map((value, i) => value * factors[i]!));
  } else if (scaling !== null) {
    kernels.ropeLlama3Factors(
      layout.ropeFactors,
      headDim,
      ropeTheta,
      scaling.factor,
      scaling.lowFreqFactor,
      scaling.highFreqFactor,
      scaling.originalMaxPositionEmbeddings,
    );
  }
  kernels.ropeTable(layout.ropeTable, layout.context, headDim, ropeTheta, layout.ropeFactors);
}
