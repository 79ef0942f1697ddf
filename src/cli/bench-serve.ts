/** `waferflow bench serve`: load on a server, measured as vLLM's `bench serve` does. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { OptionError } from '../core/errors.js';
import { parseTrace, type Trace } from '../fleet/requests/traces.js';
import { formatLoad } from '../load/report.js';
import { runLoad } from '../load/run.js';
import { serverFacts } from '../load/server.js';
import type { Sweep } from '../load/sweep.js';
import type { Goals, LoadApi, LoadResult } from '../load/types.js';
import { PromptWriter, workload } from '../load/workload.js';
import { interruptible } from './interrupt.js';
import { parseCount, parseNumber } from './options.js';
import { printJson, progressBar } from './output.js';
import { writeReports } from './reports.js';
import { readTextFile } from './text-file.js';

interface LoadFlags {
  readonly url: string;
  readonly api: LoadApi;
  readonly model?: string;
  readonly apiKey?: string;
  readonly requests?: number;
  readonly rate?: number;
  readonly burstiness: number;
  readonly concurrency?: number;
  readonly sweep?: readonly number[];
  readonly html?: string;
  readonly md?: string;
  readonly trace?: string;
  readonly speed?: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly maxPromptTokens?: number;
  readonly maxOutputTokens?: number;
  readonly warmUp: number;
  readonly goodput?: Goals;
  readonly seed?: number;
  readonly json?: boolean;
}

const DEFAULT_REQUESTS = 100;
/** Of servers that do not say theirs. */
const USUAL_CONTEXT = 4096;
/** What a chat template adds to a prompt, and the error of counting words. */
const CONTEXT_SHARE = 0.8;

export function registerBenchServe(bench: Command): void {
  bench
    .command('serve')
    .description('put load on a server and measure what its clients see')
    .option('--url <url>', 'address of the server', 'http://127.0.0.1:8080')
    .addOption(
      new Option(
        '--api <api>',
        'a new HTTP stream per request, or a WebSocket that persists with JSON or MessagePack',
      )
        .choices(['chat', 'responses-ws', 'msgpack'])
        .default('chat'),
    )
    .option('-m, --model <name>', 'model to ask for (default: the first that the server lists)')
    .addOption(new Option('--api-key <key>', 'key for the server').env('WAFERFLOW_API_KEY'))
    .option(
      '--requests <n>',
      `requests to send (default: ${DEFAULT_REQUESTS}, or all of the trace)`,
      parseCount,
    )
    .option('--rate <n>', 'requests per second; inf sends all at once (open loop)', parseRate)
    .option(
      '--burstiness <n>',
      '1: Poisson arrivals; less: in bursts; more: more even; inf: even',
      parseRate,
      1,
    )
    .option(
      '--concurrency <n>',
      'requests under way at most; without --rate always so many (closed loop)',
      parseCount,
    )
    .option(
      '--sweep <users>',
      'one load after another, each with so many users, such as 1,4,16; --requests are those of each user',
      parseUsers,
    )
    .option('--html <file>', 'with --sweep: write a report')
    .option('--md <file>', 'with --sweep: write the report as Markdown')
    .option('--trace <file>', 'lengths, and times without --rate, from an Azure CSV or Mooncake JSONL file')
    .option('--speed <n>', 'divide the times of the trace by this', parseRate)
    .option('--prompt-tokens <n>', 'tokens of a prompt, about, without a trace', parseCount, 64)
    .option('--output-tokens <n>', 'tokens of an answer without a trace', parseCount, 32)
    .option('--max-prompt-tokens <n>', 'cut the prompts of a trace to this', parseCount)
    .option('--max-output-tokens <n>', 'cut the answers of a trace to this', parseCount)
    .option('--warm-up <n>', 'requests before the clock starts', parseWhole, 2)
    .option(
      '--goodput <limits...>',
      'count requests within these limits in ms, such as ttft:500 tpot:20 e2el:2000',
      parseGoal,
    )
    .option('--seed <n>', 'seed of arrivals and prompts (default: random)', parseWhole)
    .option('--json', 'print one JSON document on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow bench serve --concurrency 8 --requests 200\n  $ waferflow bench serve --api msgpack --rate 20 --burstiness 0.5 --goodput ttft:200 tpot:20\n  $ waferflow bench serve --sweep 1,2,4,8,16 --html sweep.html',
    )
    .action((_flags: LoadFlags, command: Command) =>
      // The command above takes --json and --model for its own, wherever they stand.
      interruptible((signal) => benchServe(command.optsWithGlobals<LoadFlags>(), signal)),
    );
}

async function benchServe(flags: LoadFlags, signal: AbortSignal): Promise<void> {
  if (flags.sweep !== undefined) {
    await sweepServe(flags, flags.sweep, signal);
    return;
  }
  if (flags.html !== undefined || flags.md !== undefined)
    throw optionError('--html', `${flags.html ?? flags.md}`, 'a --sweep with it');
  const result = await oneLoad(flags, signal);
  if (flags.json) printJson(result);
  else console.log(formatLoad(result));
  if (result.requests === 0) process.exitCode = 1;
}

/** Requests of each user of a sweep, and at least so many in all, so that a median is one. */
const SWEEP_REQUESTS = 6;
const LEAST_REQUESTS = 12;
const SEEDS_APART = 100_000;

async function sweepServe(flags: LoadFlags, users: readonly number[], signal: AbortSignal): Promise<void> {
  const lost = (['rate', 'concurrency', 'trace', 'speed'] as const).filter(
    (name) => flags[name] !== undefined,
  );
  if (lost.length > 0)
    throw optionError('--sweep', lost.map((name) => `--${name}`).join(' and '), 'no other arrivals');
  const points: LoadResult[] = [];
  // Each load has prompts of its own: those of the one before are in the server's prefix cache.
  const first = flags.seed ?? Math.floor(Math.random() * 2 ** 30);
  for (const [load, concurrency] of users.entries()) {
    const seed = first + load * SEEDS_APART;
    const requests = Math.max(LEAST_REQUESTS, concurrency * (flags.requests ?? SWEEP_REQUESTS));
    points.push(await oneLoad({ ...flags, concurrency, requests, seed }, signal));
    if (!flags.json) console.log(sweepLine(points.at(-1)!));
  }
  const { model } = await serverFacts(flags.url, flags.apiKey ?? null, flags.model);
  const sweep: Sweep = { kind: 'sweep', date: new Date().toISOString(), model, url: flags.url, points };
  await writeReports(flags, async () => {
    const { sweepHtml, sweepMarkdown } = await import('../load/sweep-report.js');
    return { html: () => sweepHtml(sweep), md: () => sweepMarkdown(sweep) };
  });
  if (flags.json) printJson(sweep);
  if (points.some((point) => point.requests === 0)) process.exitCode = 1;
}

function sweepLine({ concurrency, outputTokensPerSecond, ttftMs, tpotMs, failed }: LoadResult): string {
  const times = `TTFT p50 ${ttftMs.p50.toFixed(1)} p99 ${ttftMs.p99.toFixed(1)} ms, TPOT p50 ${tpotMs.p50.toFixed(2)} p99 ${tpotMs.p99.toFixed(2)} ms`;
  return `${concurrency} users: ${outputTokensPerSecond.toFixed(1)} tokens/s, ${times}${failed > 0 ? `, ${failed} failed` : ''}`;
}

async function oneLoad(flags: LoadFlags, signal: AbortSignal): Promise<LoadResult> {
  const { url, api, rate, concurrency } = flags;
  const apiKey = flags.apiKey ?? null;
  if (!URL.canParse(url)) throw optionError('--url', url, 'an address such as http://127.0.0.1:8080');
  const trace = flags.trace === undefined ? null : parseTrace(await readTextFile(flags.trace), flags.trace);
  if (flags.speed !== undefined && (trace === null || rate !== undefined))
    throw optionError('--speed', `${flags.speed}`, 'a trace and no --rate with it');
  const isReplay =
    trace !== null && rate === undefined && (flags.speed !== undefined || concurrency === undefined);
  const facts = await serverFacts(url, apiKey, flags.model);
  const count = flags.requests ?? trace?.seconds.length ?? DEFAULT_REQUESTS;
  const writer = new PromptWriter(facts.wordsPerToken);
  const context = Math.floor((facts.context ?? USUAL_CONTEXT) * CONTEXT_SHARE);
  // Without a rate, times or a number of requests under way: one after another.
  const atOnce = concurrency ?? (rate === undefined && !isReplay ? 1 : null);
  const requests = Math.min(count, trace?.seconds.length ?? count);
  // Prompts of an earlier run would be in the server's prefix cache.
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 31);
  const progress = progressBar('requests', 'requests');
  try {
    const { openLineOf } = await import('../load/lines.js');
    const result = await runLoad({
      api,
      seed,
      target: { url, apiKey, model: facts.model },
      openLine: openLineOf(api),
      workload: workload({
        requests,
        trace,
        lengths: { promptTokens: flags.promptTokens, outputTokens: flags.outputTokens },
        limits: {
          context,
          promptTokens: flags.maxPromptTokens ?? context,
          outputTokens: flags.maxOutputTokens ?? context,
        },
        traceSpeed: isReplay ? (flags.speed ?? 1) : null,
        rate: rate ?? null,
        burstiness: flags.burstiness,
        seed,
        writer,
      }),
      concurrency: atOnce,
      requestedPerSecond: rate ?? (isReplay ? tracedRate(trace, requests) * (flags.speed ?? 1) : null),
      goals: flags.goodput ?? {},
      warmUp: Array.from({ length: flags.warmUp }, (_, i) => ({
        prompt: writer.text(seed - i - 1, flags.promptTokens),
        maxTokens: flags.outputTokens,
      })),
      onProgress: (finished) => progress.update(finished, requests),
      signal,
    });
    return result;
  } finally {
    progress.end();
  }
}

/** Requests per second over the first ones of a trace. */
function tracedRate({ seconds }: Trace, count: number): number {
  return count > 1 ? (count - 1) / seconds[count - 1]! : Number.POSITIVE_INFINITY;
}

function parseUsers(text: string): number[] {
  const users = text.split(',').map((each) => parseCount(each.trim()));
  if (users.some((count, i) => i > 0 && count <= users[i - 1]!))
    throw new InvalidArgumentError('Expected numbers of users that grow, such as 1,4,16.');
  return users;
}

function parseRate(text: string): number {
  const value = text === 'inf' ? Number.POSITIVE_INFINITY : parseNumber(text);
  if (value <= 0) throw new InvalidArgumentError('Expected a number above 0, or inf.');
  return value;
}

function parseWhole(text: string): number {
  const value = parseNumber(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('Expected an integer from 0.');
  return value;
}

function parseGoal(text: string, goals: Goals = {}): Goals {
  const [, name, limit] = /^(ttft|tpot|e2el):(.+)$/.exec(text) ?? [];
  if (name === undefined || limit === undefined)
    throw new InvalidArgumentError('Expected ttft, tpot or e2el with milliseconds, such as ttft:500.');
  const value = parseNumber(limit);
  if (value <= 0) throw new InvalidArgumentError('Expected milliseconds above 0.');
  return { ...goals, [`${name}Ms`]: value };
}

function optionError(what: string, given: string, expected: string): OptionError {
  return new OptionError({
    what: `option ${what}`,
    given,
    expected,
    todo: 'See `waferflow bench serve --help`.',
  });
}
