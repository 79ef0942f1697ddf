/** `waferflow bench`: the runtime, the GPU-style baseline and peers measured; wafers and GPUs simulated beside them. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Backend } from '../baseline/device.js';
import type { BenchCase, Entrant } from '../bench/entrants.js';
import { lowestRatio, measureModel, runCount } from '../bench/run.js';
import { simulatedRows } from '../bench/simulated.js';
import type { Absent, BenchResult, Contender, MeasuredRow, SimulatedRow } from '../bench/types.js';
import { messageOf, WaferflowError } from '../core/errors.js';
import {
  type BenchFile,
  describeMachine,
  describeModel,
  openBaselineFile,
  openLlamaCpp,
  openRuntime,
  type ShapeName,
  versions,
  withTemporaryDirectory,
  writeShape,
} from '../platform/node/bench.js';
import { energyMeter } from '../platform/node/energy.js';
import { localModels, resolveModel } from '../platform/node/models.js';
import { provideWebGpu } from '../platform/node/webgpu.js';
import { registerBenchServe } from './benchServe.js';
import { commandLine } from './commandLine.js';
import { interruptible } from './interrupt.js';
import { parseCount } from './options.js';
import { formatNumber, formatTable, type Progress, printJson, progressBar } from './output.js';
import { writeReports } from './reports.js';

interface BenchFlags {
  readonly quick?: boolean;
  readonly model?: string;
  readonly rounds?: number;
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

const QUICK_CASES = [decode(16, 24), decode(8, 8, 4), prefill(48)];
const CASES = [decode(16, 64), decode(256, 32), decode(16, 32, 4), prefill(64), prefill(256)];
/** Where the baseline takes about a second per token. */
const LARGE_CASES = [decode(16, 24), decode(64, 16), decode(8, 8, 4), prefill(32)];
const LARGE_PARAMETERS = 60e6;

interface ShapeFile {
  readonly shape: ShapeName;
  readonly type: 'Q8_0' | 'F32';
}

const QUICK_SHAPES: readonly ShapeFile[] = [{ shape: '15M', type: 'Q8_0' }];
const SHAPES: readonly ShapeFile[] = [
  { shape: '15M', type: 'Q8_0' },
  { shape: '15M', type: 'F32' },
  { shape: '135M', type: 'Q8_0' },
  { shape: '135M', type: 'F32' },
];

export function registerBench(program: Command): Command {
  const command = program
    .command('bench')
    .description('measure the runtime against a GPU-style engine, beside simulated wafers and GPUs')
    .option('--quick', 'two small models and short runs: under a minute on a quiet machine')
    .option('-m, --model <path|name>', 'a model to measure besides the embedded one and random ones')
    .option('--rounds <n>', 'runs of each case that count (default: 3 with --quick, else 5)', parseCount)
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
  return command;
}

async function bench(flags: BenchFlags, signal: AbortSignal): Promise<void> {
  const result = await measure(flags, signal);
  await writeReports(flags, async () => {
    const { benchHtml, benchMarkdown } = await import('../report/benchReport.js');
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
  readonly absent: Map<Contender, string>;
  readonly notes: Set<string>;
}

async function measure(flags: BenchFlags, signal: AbortSignal): Promise<BenchResult> {
  const date = new Date().toISOString();
  const quick = flags.quick === true;
  const rounds = flags.rounds ?? (quick ? 3 : 5);
  const gpu = await provideWebGpu();
  const gathered: Gathered = {
    measured: [],
    ratios: [],
    simulated: [],
    models: [],
    absent: new Map([['wllama', 'made for browsers: it does not start in Node']]),
    notes: new Set(),
  };
  try {
    say('measuring the memory of this machine');
    const machine = await describeMachine(gpu.adapter);
    signal.throwIfAborted();
    await withTemporaryDirectory(async (directory) => {
      for (const make of modelFiles(flags, quick, directory, signal)) {
        const file = await make();
        gathered.models.push(file.model);
        const gigabytesPerSecond = Math.max(...machine.bandwidth.map((one) => one.gigabytesPerSecond));
        await measureFile(file, { flags, quick, rounds, gigabytesPerSecond, signal }, gathered);
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
      models,
      ratioToGpuStyleBaseline: lowestRatio(ratios, 'baseline'),
      ratios,
      measured,
      simulated,
      absent: [...absent].map(([contender, reason]): Absent => ({ contender, reason })),
      notes: [...notes],
    };
  } finally {
    gpu.release();
  }
}

const NOTES = [
  'gpu.js has no type of array but float32: the baseline holds quantised weights dequantised, and moves four bytes for each.',
  'The baseline serves the requests of a batch one after the other: gpu.js compiles a pass for one KV cache.',
  'Random weights have the speed of trained ones of their shape, and write no sense.',
  'The runtime hands tokens to its caller in groups; the gap before a group is shared out over its tokens.',
  'Ratios are of runs next to each other in time; the headline is the lowest of those of one user in decode.',
];

function* modelFiles(
  flags: BenchFlags,
  quick: boolean,
  directory: string,
  signal: AbortSignal,
): Generator<() => Promise<BenchFile>> {
  const path = resolveModel(undefined);
  const name = localModels().find((one) => one.path === path)?.name ?? 'embedded';
  yield () => describeModel(path, name, 'trained');
  const { model } = flags;
  if (model !== undefined) yield () => describeModel(resolveModel(model), model, 'trained');
  for (const { shape, type } of quick ? QUICK_SHAPES : SHAPES) {
    yield () => {
      say(`making a model of random weights: ${shape} ${type}`);
      return writeShape(directory, shape, type, signal);
    };
  }
}

interface FileRun {
  readonly flags: BenchFlags;
  readonly quick: boolean;
  readonly rounds: number;
  readonly gigabytesPerSecond: number;
  readonly signal: AbortSignal;
}

/** All entrants on one model. An entrant that cannot run is named with its reason; the runtime must. */
async function measureFile(file: BenchFile, run: FileRun, into: Gathered): Promise<void> {
  const { flags, quick, rounds, gigabytesPerSecond, signal } = run;
  const large = file.model.parameters > LARGE_PARAMETERS;
  const room = file.config.maxPositionEmbeddings;
  const cases = (quick ? QUICK_CASES : large ? LARGE_CASES : CASES).filter(
    ({ promptTokens, generatedTokens }) => promptTokens + generatedTokens <= room,
  );
  const longest = Math.max(
    ...cases.map(({ promptTokens, generatedTokens }) => promptTokens + generatedTokens),
  );
  const context = Math.min(room, Math.ceil(longest / 32) * 32);
  const batch = Math.max(...cases.map((one) => one.batch));
  const entrants: Entrant[] = [];
  const enter = async (contender: Contender, open: () => Promise<Entrant>): Promise<void> => {
    say(`opening ${contender} on ${file.model.name}`);
    try {
      entrants.push(await open());
    } catch (error) {
      signal.throwIfAborted();
      const isAskedFor = contender === 'waferflow' || (contender === 'baseline' && flags.backend !== 'auto');
      if (isAskedFor || !(error instanceof WaferflowError)) throw error;
      into.absent.set(contender, `${file.model.name}: ${messageOf(error)}`);
    }
  };
  let bar: Progress | null = null;
  try {
    await enter('waferflow', () => openRuntime(file, context, batch, signal));
    const backend = flags.backend === 'auto' ? undefined : flags.backend;
    await enter('baseline', () => openBaselineFile(file, context, backend, 'baseline', signal));
    if (!quick && !large) {
      await enter('gpu.js cpu', () => openBaselineFile(file, context, 'cpu', 'gpu.js cpu', signal));
    }
    const peer = openLlamaCpp(file);
    if (quick) into.absent.set('node-llama-cpp', 'left out of --quick');
    else if (typeof peer === 'string') into.absent.set('node-llama-cpp', peer);
    else entrants.push(peer);
    const total = runCount({ entrants, cases, rounds });
    let done = 0;
    bar = progressBar(`measuring ${file.model.name}`, 'runs');
    const { measured, ratios } = await measureModel({
      model: file.model.name,
      vocabSize: file.config.vocabSize,
      entrants,
      cases,
      rounds,
      gigabytesPerSecond,
      energy: energyMeter(),
      signal,
      onRun: () => bar?.update(++done, total),
    });
    into.measured.push(...measured);
    into.ratios.push(...ratios);
    into.simulated.push(
      ...simulatedRows(file.model.name, file.config, cases, (note) => into.notes.add(note)),
    );
  } finally {
    bar?.end();
    for (const entrant of entrants) await entrant.close();
  }
}

/** One line of progress on a terminal. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}

const range = ({ median, min, max }: { median: number; min: number; max: number }): string =>
  `${formatNumber(median)} (${formatNumber(min)} to ${formatNumber(max)})`;

const lengths = (row: { promptTokens: number; generatedTokens: number }): string =>
  `${row.promptTokens} + ${row.generatedTokens}`;

function toText(result: BenchResult): string {
  const { machine, ratioToGpuStyleBaseline: ratio } = result;
  const bandwidth = machine.bandwidth
    .map(({ threads, gigabytesPerSecond }) => `${formatNumber(gigabytesPerSecond)} GB/s with ${threads}`)
    .join(', ');
  const measured = result.measured.map((row) => {
    const beside = result.ratios.find(
      (one) =>
        one.against === row.contender &&
        one.model === row.model &&
        one.phase === row.phase &&
        one.promptTokens === row.promptTokens &&
        one.generatedTokens === row.generatedTokens &&
        one.batch === row.batch,
    );
    return [
      row.model,
      row.phase,
      lengths(row),
      String(row.batch),
      row.contender,
      range(row.tokensPerSecond),
      row.ttftMs === null ? '-' : formatNumber(row.ttftMs.median),
      row.itlMs === null ? '-' : `${formatNumber(row.itlMs.p50)} / ${formatNumber(row.itlMs.p99)}`,
      row.gigabytesPerSecond === null
        ? '-'
        : `${formatNumber(row.gigabytesPerSecond)} (${Math.round(100 * row.bandwidthShare!)} %)`,
      beside === undefined ? '-' : range(beside.ratio),
    ];
  });
  const simulated = result.simulated.map((row) => [
    row.model,
    lengths(row),
    String(row.concurrency),
    `${row.count} x ${row.machine}`,
    formatNumber(row.tokensPerSecondPerUser),
    formatNumber(row.tokensPerSecond),
    formatNumber(row.ttftMs),
    formatNumber(row.tpotMs),
    row.tag,
  ]);
  const backends = [...new Map(result.measured.map(({ contender, backend }) => [contender, backend]))].map(
    ([contender, backend]) => `${contender}: ${backend}`,
  );
  const missing = result.absent.map(({ contender, reason }) => `${contender} not measured: ${reason}`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}; memory read at ${bandwidth} threads`,
    ...backends,
    ...missing,
    '',
    `measured here, ${result.rounds} rounds, median (lowest to highest)`,
    formatTable(
      [
        'model',
        'phase',
        'tokens',
        '>batch',
        'contender',
        '>tokens/s',
        '>TTFT ms',
        '>ITL ms p50 / p99',
        '>GB/s (of memory)',
        '>waferflow is faster by',
      ],
      measured,
    ),
    '',
    'simulated, never measured',
    formatTable(
      [
        'model',
        'tokens',
        '>users',
        'machine',
        '>tokens/s/user',
        '>tokens/s',
        '>TTFT ms',
        '>TPOT ms',
        'rests on',
      ],
      simulated,
    ),
    '',
    ...result.notes,
    '',
    ratio === null
      ? 'No ratio to the GPU-style baseline: it was not measured.'
      : `waferflow decodes at least ${formatNumber(ratio)} times as fast as the GPU-style baseline.`,
  ].join('\n');
}
