/** `waferflow eval`: the quality of models beside their speed. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { OptionError } from '../core/errors.js';
import { FUNCTIONS } from '../eval/functions/all.js';
import { atOnce } from '../eval/generate.js';
import {
  broughtSuite,
  decodeSpeed,
  SUITES,
  type Suite,
  simulatedSpeeds,
  textSuite,
  weightBitsOf,
} from '../eval/run.js';
import { Sandbox } from '../eval/sandbox/sandbox.js';
import { readBrought } from '../eval/suites/brought.js';
import { divergence, type Predictor } from '../eval/suites/divergence.js';
import type { EvalModel, EvalOptions, EvalResult, SuiteRow } from '../eval/types.js';
import { type Engine, load } from '../index.js';
import { describeModel } from '../platform/node/bench.js';
import { localModels, resolveModel } from '../platform/node/models.js';
import { WaferEngine } from '../runtime/engine/engine.js';
import { commandLine } from './command-line.js';
import { interruptible } from './interrupt.js';
import { parseCount, parseNumber } from './options.js';
import { formatNumber, formatTable, printJson, progressBar } from './output.js';
import { writeReports } from './reports.js';
import { readTextFile } from './text-file.js';

interface EvalFlags {
  readonly model?: readonly string[];
  readonly suite?: readonly string[];
  readonly text?: readonly string[];
  readonly base?: string;
  readonly samples: number;
  readonly temperature: number;
  readonly seed: number;
  readonly limit?: number;
  readonly html?: string;
  readonly md?: string;
  readonly json?: boolean;
}

const machines = ['wse-3', 'h100'];
/** Of the text on which two models are compared token by token. */
const comparedTokens = 256;

export function registerEval(program: Command): void {
  const names = SUITES.map(({ name }) => name).join(', ');
  program
    .command('eval')
    .description('measure how good models are, beside how fast they are')
    .option('-m, --model <path|name...>', 'models to compare (default: the embedded one)')
    .option(
      '--suite <name|file...>',
      `suites: ${names}, or JSON lines of {prompt, tests}, {text, test_list} or {question, answer} (default: ${names})`,
    )
    .option('--text <file...>', 'UTF-8 files, for bits per byte of your own texts')
    .option('--base <path|name>', 'the model that the others were quantised from: KL divergence to it')
    .option('--samples <n>', 'answers drawn to each task; 5 and more give pass@5', parseCount, 5)
    .option('--temperature <t>', 'of these answers; everything else is greedy', parseNumber, 0.6)
    .option('--seed <s>', 'same seed, same result', parseNumber, 1)
    .option('--limit <n>', 'tasks of a suite, at most', parseCount)
    .option('--html <file>', 'write a report with charts of quality against speed')
    .option('--md <file>', 'write the report as Markdown')
    .option('--json', 'print one JSON document on stdout')
    .addHelpText(
      'after',
      '\nPrograms that models write run without files, network or clock.\n\nExamples:\n  $ waferflow eval --limit 5\n  $ waferflow eval --suite bits --text README.md --json',
    )
    .action((flags: EvalFlags) => interruptible((signal) => evaluate(flags, signal)));
}

async function evaluate(flags: EvalFlags, signal: AbortSignal): Promise<void> {
  const suites = await suitesOf(flags);
  const { model: models = [undefined] } = flags;
  const paths = models.map((model) => resolveModel(model));
  const base = flags.base === undefined ? null : resolveModel(flags.base);
  const sandbox = new Sandbox();
  try {
    const result = await evaluateAll(paths, base, suites, sandbox, flags, signal);
    await writeReports(flags, async () => {
      const { evalHtml, evalMarkdown } = await import('../report/eval/report.js');
      return { html: () => evalHtml(result), md: () => evalMarkdown(result) };
    });
    if (flags.json) printJson(result);
    else console.log(toText(result));
  } finally {
    await sandbox.close();
  }
}

async function suitesOf({ suite, text }: EvalFlags): Promise<Suite[]> {
  // Whoever brings texts alone wants these measured.
  const wanted = suite ?? (text === undefined ? SUITES.map(({ name }) => name) : []);
  const suites: Suite[] = [];
  for (const name of wanted) {
    const known = SUITES.find((one) => one.name === name);
    if (known) suites.push(known);
    else if (/\.jsonl?$/.test(name))
      suites.push(broughtSuite(basename(name), readBrought(name, await readTextFile(name))));
    else throw unknownSuite(name);
  }
  if (text !== undefined) suites.push(textSuite(await Promise.all(text.map((file) => readTextFile(file)))));
  return suites;
}

function unknownSuite(name: string): OptionError {
  return new OptionError({
    what: '--suite',
    given: JSON.stringify(name),
    expected: `${SUITES.map((suite) => suite.name).join(', ')}, or a file that ends in .jsonl`,
    todo: 'Name one of these, or leave --suite out for all that need no file.',
  });
}

async function evaluateAll(
  paths: readonly string[],
  basePath: string | null,
  suites: readonly Suite[],
  sandbox: Sandbox,
  flags: EvalFlags,
  signal: AbortSignal,
): Promise<EvalResult> {
  const { seed, samples, temperature, limit = Number.POSITIVE_INFINITY } = flags;
  const models: EvalModel[] = [];
  const rows: SuiteRow[] = [];
  const notes: string[] = [];
  const base = basePath === null ? null : await loadModel(basePath, signal);
  try {
    for (const path of paths) {
      const engine = path === basePath && base !== null ? base : await loadModel(path, signal);
      try {
        const model = await measureModel(engine, path, models, signal);
        models.push(model);
        for (const { name, run } of suites) {
          const bar = progressBar(`${model.name}: ${name}`, 'done');
          const options: EvalOptions = { seed, samples, temperature, limit, signal, onProgress: bar.update };
          const scores = await run(engine, sandbox, options).finally(() => bar.end());
          if (typeof scores === 'string') notes.push(`${name} was not measured on ${model.name}: ${scores}.`);
          else rows.push(...scores.map((score) => ({ model: model.name, suite: name, ...score })));
        }
        if (base !== null && engine !== base)
          rows.push(...(await compare(base, engine, model.name, limit, signal)));
      } finally {
        if (engine !== base) await engine.close();
      }
    }
  } finally {
    await base?.close();
  }
  const date = new Date().toISOString();
  return { date, command: commandLine(), seed, samples, temperature, models, suites: rows, notes };
}

async function loadModel(path: string, signal: AbortSignal): Promise<Engine> {
  const bar = progressBar('loading', 'bytes');
  const { config } = await describeModel(path, '', 'trained');
  const context = Math.min(config.maxPositionEmbeddings, 2048);
  try {
    return await load(path, {
      context,
      kvTokens: context * atOnce,
      maxRunning: atOnce,
      signal,
      onProgress: ({ loadedBytes, totalBytes }) => bar.update(loadedBytes, totalBytes),
    });
  } finally {
    bar.end();
  }
}

/** Facts and speeds of a model, under a name that no other one has. */
async function measureModel(
  engine: Engine,
  path: string,
  others: readonly EvalModel[],
  signal: AbortSignal,
): Promise<EvalModel> {
  const { model } = await describeModel(path, '', 'trained');
  const local = localModels().find((one) => one.path === path)?.name ?? basename(path, '.gguf');
  const full = `${local} ${model.weightType}`;
  const name = others.some((other) => other.name === full) ? `${full} (${others.length + 1})` : full;
  const weightBits = weightBitsOf(model.fileBytes, model.parameters);
  return {
    ...model,
    name,
    weightBits,
    measured: { tokensPerSecond: await decodeSpeed(engine, signal) },
    simulated: simulatedSpeeds(engine, weightBits, machines),
  };
}

async function compare(
  base: Engine,
  engine: Engine,
  model: string,
  limit: number,
  signal: AbortSignal,
): Promise<SuiteRow[]> {
  const text = FUNCTIONS.map(({ prompt, solution }) => prompt + solution).join('\n');
  const tokens = Math.min(limit, comparedTokens, base.info.context, engine.info.context);
  const ids = base.tokenizer.encode(text).slice(0, tokens);
  const bar = progressBar(`${model}: divergence`, 'tokens');
  const options = { signal, onProgress: bar.update };
  const scores = await divergence(predictor(base), predictor(engine), ids, options).finally(() => bar.end());
  return scores.map((score) => ({ model, suite: 'divergence', ...score }));
}

function predictor(engine: Engine): Predictor {
  if (!(engine instanceof WaferEngine)) throw new TypeError('the engine of this process is a WaferEngine');
  return { name: engine.info.name, logits: (ids) => engine.logits(ids) };
}

function toText({ models, suites, notes }: EvalResult): string {
  const speeds = models.map(({ name, measured, simulated }) =>
    [
      `${name}: measured here ${formatNumber(measured.tokensPerSecond)} tokens/s`,
      ...simulated.map(
        ({ machine, tokensPerSecond }) => `simulated ${machine} ${formatNumber(tokensPerSecond)}`,
      ),
    ].join(' | '),
  );
  const shares = new Set(['bitsPerByte', 'klNats']);
  const table = formatTable(
    ['model', 'suite', 'metric', '>value', '>n'],
    suites.map(({ model, suite, metric, value, n }) => [
      model,
      suite,
      metric,
      shares.has(metric) ? value.toFixed(4) : `${(100 * value).toFixed(1)} %`,
      String(n),
    ]),
  );
  return [...speeds, '', table, ...notes].join('\n');
}
