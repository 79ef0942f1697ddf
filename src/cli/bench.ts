/** `waferflow bench`: the runtime, the GPU-style baseline and peers measured; wafers and GPUs simulated beside them. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Backend } from '../baseline/device.js';
import type { BenchCase, Entrant } from '../bench/entrants.js';
import { lowestRatio, measureModel } from '../bench/run.js';
import { simulatedRows } from '../bench/simulated.js';
import type { Absent, BenchResult, Contender, MeasuredRow, SimulatedRow } from '../bench/types.js';
import { messageOf } from '../core/errors.js';
import type { WeightType } from '../formats/tensor-types.js';
import {
  type BenchFile,
  describeMachine,
  describeModel,
  openBaselineFile,
  openRuntime,
  type ShapeName,
  versions,
  withTemporaryDirectory,
  writeShape,
} from '../platform/node/bench.js';
import { energyMeter } from '../platform/node/energy.js';
import { localModels, resolveModel } from '../platform/node/models.js';
import { openLlamaCpp } from '../platform/node/peer.js';
import { provideWebGpu } from '../platform/node/webgpu.js';
import { registerBenchModel } from './bench-model.js';
import { registerBenchServe } from './bench-serve.js';
import { toText } from './bench-text.js';
import { commandLine } from './command-line.js';
import { interruptible } from './interrupt.js';
import { parseCount, parseNumber } from './options.js';
import { type Progress, printJson, progressBar } from './output.js';
import { writeReports } from './reports.js';

interface BenchFlags {
  readonly quick?: boolean;
  readonly model?: string;
  readonly rounds?: number;
  readonly minutes?: number;
  readonly backend: Backend | 'auto';
  readonly html?: string;
  readonly md?: string;
  readonly json?: boolean;
}

const decode = (promptTokens: number, generatedTokens: number, batch = 1): BenchCase => ({
  phase: 'decode',
  promptTokens,
  generatedTokens,
  batch,
});
const prefill = (promptTokens: number): BenchCase => ({
  phase: 'prefill',
  promptTokens,
  generatedTokens: 1,
  batch: 1,
});

const request = (promptTokens: number, generatedTokens: number): BenchCase => ({
  phase: 'request',
  promptTokens,
  generatedTokens,
  batch: 1,
});

/** As they are wanted: what is too long for the time is halved. */
const QUICK_CASES = [decode(16, 24), decode(8, 8, 4), prefill(48), request(96, 12)];
const CASES = [decode(16, 64), decode(16, 32, 4), prefill(256), request(512, 64)];

interface ShapeFile {
  readonly shape: ShapeName;
  readonly type: WeightType;
}

const QUICK_SHAPES: readonly ShapeFile[] = [{ shape: '15M', type: 'Q8_0' }];
const SHAPES: readonly ShapeFile[] = [
  { shape: '15M', type: 'Q8_0' },
  { shape: '15M', type: 'Q4_0' },
  // The same bytes as the baseline holds.
  { shape: '15M', type: 'F32' },
  { shape: '135M', type: 'Q8_0' },
  { shape: '135M', type: 'Q4_0' },
];
const MINUTES = { full: 5, quick: 0.75 };
/** A larger model gets so many times the time of a small one. */
const LARGE_SHARE = 4;

export function registerBench(program: Command): Command {
  const command = program
    .command('bench')
    .description('measure the runtime against a GPU-style engine, beside simulated wafers and GPUs')
    .option('--quick', 'two small models and short runs: under a minute on a quiet machine')
    .option('-m, --model <path|name>', 'a model to measure besides the embedded one and random ones')
    .option(
      '--rounds <n>',
      'runs of each case that count, at most (default: 3 with --quick, else 5)',
      parseCount,
    )
    .option(
      '--minutes <n>',
      `about how long to measure (default: ${MINUTES.quick} with --quick, else ${MINUTES.full})`,
      parseMinutes,
    )
    .addOption(
      new Option('--backend <name>', 'gpu.js backend of the baseline; auto takes WebGPU where it is')
        .choices(['auto', 'webgpu', 'webasm', 'cpu'])
        .default('auto'),
    )
    .option('--html <file>', 'write a report')
    .option('--md <file>', 'write the report as Markdown')
    .option('--json', 'print one JSON document on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow bench --quick\n  $ waferflow bench --html bench.html --json > bench.json',
    )
    .action((flags: BenchFlags) => interruptible((signal) => bench(flags, signal)));
  registerBenchServe(command);
  registerBenchModel(command);
  return command;
}

async function bench(flags: BenchFlags, signal: AbortSignal): Promise<void> {
  const result = await measure(flags, signal);
  await writeReports(flags, async () => {
    const { benchHtml, benchMarkdown } = await import('../report/bench/report.js');
    return { html: () => benchHtml(result), md: () => benchMarkdown(result) };
  });
  if (flags.json) printJson(result);
  else console.log(toText(result));
}

/** What a whole run gathers. */
interface Gathered {
  readonly measured: MeasuredRow[];
  readonly ratios: BenchResult['ratios'][number][];
  readonly simulated: SimulatedRow[];
  readonly models: BenchResult['models'][number][];
  readonly absent: Absent[];
  readonly notes: Set<string>;
}

async function measure(flags: BenchFlags, signal: AbortSignal): Promise<BenchResult> {
  const date = new Date().toISOString();
  const quick = flags.quick === true;
  const rounds = flags.rounds ?? (quick ? 3 : 5);
  const budgetSeconds = 60 * (flags.minutes ?? (quick ? MINUTES.quick : MINUTES.full));
  const until = performance.now() + 1000 * budgetSeconds;
  const gpu = await provideWebGpu();
  const gathered: Gathered = {
    measured: [],
    ratios: [],
    simulated: [],
    models: [],
    absent: [{ contender: 'wllama', reason: 'made for browsers: it does not start in Node' }],
    notes: new Set(),
  };
  try {
    say('measuring the memory of this machine');
    const machine = await describeMachine(gpu.adapter);
    signal.throwIfAborted();
    await withTemporaryDirectory(async (directory) => {
      const gigabytesPerSecond = Math.max(...machine.bandwidth.map((one) => one.gigabytesPerSecond));
      const files = modelFiles(flags, quick, directory, signal);
      let shares = files.reduce((sum, { share }) => sum + share, 0);
      for (const { share, make } of files) {
        const now = performance.now();
        const end = now + ((until - now) * share) / shares;
        shares -= share;
        const file = await make();
        gathered.models.push(file.model);
        await measureFile(file, { flags, quick, rounds, end, gigabytesPerSecond, signal }, gathered);
      }
    });
    const { measured, ratios, simulated, models, absent, notes } = gathered;
    if (gpu.adapter === null) notes.add(`The baseline did not run on a GPU: ${gpu.reason}.`);
    for (const note of NOTES) notes.add(note);
    return {
      date,
      command: commandLine(),
      versions: versions(),
      machine,
      quick,
      rounds,
      budgetSeconds,
      models,
      ratioToGpuStyleBaseline: lowestRatio(ratios, 'baseline'),
      ratios,
      measured,
      simulated,
      absent: told(absent),
      notes: [...notes],
    };
  } finally {
    gpu.release();
  }
}

const NOTES = [
  'gpu.js has no type of array but float32: the baseline holds quantised weights dequantised, and moves four bytes for each.',
  'The baseline serves the requests of a batch one after the other, since gpu.js compiles a pass for one KV cache: of a batch one request is measured, whose speed is that of all.',
  'Random weights have the speed of trained ones of their shape, and write no sense.',
  'The runtime hands tokens to its caller in groups; the gap before a group is shared out over its tokens.',
  'Cases that are too long for the slowest contender within the time, which --minutes sets, are halved, for all contenders alike, and rounds end when the time is used up; each row says how many tokens and rounds it rests on.',
  'Ratios are of runs next to each other in time; the headline is the lowest of those of one user in decode.',
];

/** A model to measure, and its share of the time. */
interface Wanted {
  readonly share: number;
  readonly make: () => Promise<BenchFile>;
}

function modelFiles(flags: BenchFlags, quick: boolean, directory: string, signal: AbortSignal): Wanted[] {
  const path = resolveModel(undefined);
  const name = localModels().find((one) => one.path === path)?.name ?? 'embedded';
  const { model } = flags;
  return [
    { share: 1, make: () => describeModel(path, name, 'trained') },
    ...(model === undefined
      ? []
      : [{ share: LARGE_SHARE, make: () => describeModel(resolveModel(model), model, 'trained') }]),
    ...(quick ? QUICK_SHAPES : SHAPES).map(({ shape, type }) => ({
      share: shape === '135M' ? LARGE_SHARE : 1,
      make: () => {
        say(`making a model of random weights: ${shape} ${type}`);
        return writeShape(directory, shape, type, signal);
      },
    })),
  ];
}

interface FileRun {
  readonly flags: BenchFlags;
  readonly quick: boolean;
  readonly rounds: number;
  /** When it should be done, as `performance.now()` tells. */
  readonly end: number;
  readonly gigabytesPerSecond: number;
  readonly signal: AbortSignal;
}

/** All entrants on one model. An entrant that cannot run is named with its reason; the runtime must. */
async function measureFile(file: BenchFile, run: FileRun, into: Gathered): Promise<void> {
  const { flags, quick, rounds, end, gigabytesPerSecond, signal } = run;
  const room = file.config.maxPositionEmbeddings;
  const cases = (quick ? QUICK_CASES : CASES).filter(
    ({ promptTokens, generatedTokens }) => promptTokens + generatedTokens <= room,
  );
  const longest = Math.max(
    ...cases.map(({ promptTokens, generatedTokens }) => promptTokens + generatedTokens),
  );
  const context = Math.min(room, Math.ceil(longest / 32) * 32);
  const batch = Math.max(...cases.map((one) => one.batch));
  const required = new Set<Contender>(flags.backend === 'auto' ? ['waferflow'] : ['waferflow', 'baseline']);
  const entrants: Entrant[] = [];
  const enter = async (contender: Contender, open: () => Entrant | Promise<Entrant>): Promise<void> => {
    say(`opening ${contender} on ${file.model.name}`);
    try {
      entrants.push(await open());
    } catch (error) {
      signal.throwIfAborted();
      if (required.has(contender)) throw error;
      into.absent.push({ contender, reason: messageOf(error) });
    }
  };
  let bar: Progress | null = null;
  try {
    await enter('waferflow', () => openRuntime(file, context, batch, signal));
    const backend = flags.backend === 'auto' ? undefined : flags.backend;
    await enter('baseline', () => openBaselineFile(file, context, backend, signal));
    if (quick) into.absent.push({ contender: 'node-llama-cpp', reason: 'left out of --quick' });
    else await enter('node-llama-cpp', () => openLlamaCpp(file));
    bar = progressBar(`measuring ${file.model.name}`, 'seconds');
    const budgetMs = Math.max(0, end - performance.now());
    const seconds = (ms: number): number => Math.round(ms / 1000);
    const { measured, ratios, absent } = await measureModel({
      model: file.model.name,
      vocabSize: file.config.vocabSize,
      entrants,
      required,
      cases,
      rounds,
      budgetMs,
      gigabytesPerSecond,
      energy: energyMeter(),
      signal,
      onRun: (spentMs) => bar?.update(Math.min(seconds(spentMs), seconds(budgetMs)), seconds(budgetMs)),
    });
    into.measured.push(...measured);
    into.ratios.push(...ratios);
    into.absent.push(...absent);
    into.simulated.push(
      ...simulatedRows(file.model.name, file.config, cases, (note) => into.notes.add(note)),
    );
  } finally {
    bar?.end();
    for (const entrant of entrants) await entrant.close();
  }
}

/** Each reason once: a peer that is not installed is so for every model. */
function told(absent: readonly Absent[]): Absent[] {
  return [...new Map(absent.map((one) => [`${one.contender} ${one.reason}`, one])).values()];
}

function parseMinutes(text: string): number {
  const minutes = parseNumber(text);
  if (minutes <= 0) throw new InvalidArgumentError('Expected a number above 0, such as 5.');
  return minutes;
}

/** One line of progress on a terminal. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}
