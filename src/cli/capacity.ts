/** `waferflow capacity`: how many machines of which kind a workload needs under an SLO, and what they cost. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ModelCard } from '../../models/card.js';
import { OptionError } from '../core/errors.js';
import { MiB } from '../core/units.js';
import { candidateOn } from '../fleet/calibrate.js';
import { replay } from '../fleet/replay.js';
import { CODING_TASK } from '../fleet/requests/agents.js';
import type { WorkloadSpec } from '../fleet/requests/workload.js';
import type { MachineRequest } from '../fleet/search/candidates.js';
import { openSweep, type SweepInputs, searchCapacity } from '../fleet/search/sweep.js';
import type { CapacityResult, Slo } from '../fleet/types.js';
import { pointsOf } from '../load/sweep.js';
import { waferPrice } from '../machine/prices.js';
import { resolveCard } from '../platform/node/cards.js';
import { type Machine, weightBitsOf } from '../timing/estimate-types.js';
import { ENGINE_NAMES, type EngineName } from '../timing/gpu/constants.js';
import { capacityText } from './capacity-text.js';
import { commandLine } from './command-line.js';
import { interruptible } from './interrupt.js';
import { parseCount, parseNumber } from './options.js';
import { printJson } from './output.js';
import { machineOf, parsePrices } from './plan.js';
import { readSweep, replayText } from './replay.js';
import { writeReports } from './reports.js';
import { parseSlo } from './slo.js';
import { startSweep } from './sweep-run.js';
import { readTextFileSync } from './text-file.js';

interface CapacityFlags {
  readonly model?: string;
  readonly machine: readonly string[];
  readonly trace?: string;
  readonly agents?: number;
  readonly tasks?: number;
  readonly turns?: number;
  readonly toolSeconds?: number;
  readonly rate?: number;
  readonly users?: number;
  readonly think?: number;
  readonly burstiness: number;
  readonly dailySwing: number;
  readonly prompt?: number;
  readonly output?: number;
  readonly spread: number;
  readonly requests?: number;
  readonly rateScale: number;
  readonly batchShare: number;
  readonly slo: Omit<Slo, 'percentile'>;
  readonly percentile: number;
  readonly maxBatch: number;
  readonly maxQueue?: number;
  readonly tp?: number;
  readonly engine: EngineName;
  readonly weights?: number;
  readonly kv?: number;
  readonly memoryShare?: number;
  readonly clock?: number;
  readonly price?: ReadonlyMap<string, number>;
  readonly seed: number;
  readonly workers?: number;
  readonly resume?: string;
  readonly queue?: string;
  readonly queueTimeout: number;
  readonly replay?: string;
  readonly html?: string;
  readonly md?: string;
  readonly json?: boolean;
}

export function registerCapacity(program: Command): void {
  program
    .command('capacity')
    .description(
      'how many machines of which kind a workload needs under an SLO, and what they cost (simulated)',
    )
    .option(
      '-m, --model <name|path>',
      'a card, config.json, model directory or GGUF file (default: the embedded model)',
    )
    .option(
      '--machine <names>',
      'machines or JSON files, separated by commas',
      (text) => text.split(',').map((name) => name.trim()),
      ['wse-3', 'h100', 'h200', 'b200'],
    )
    .option(
      '--trace <file>',
      'requests: Azure LLM 2023 CSV, Mooncake JSON lines, or seconds,prompt_tokens,output_tokens',
    )
    .option('--agents <n>', 'instead: so many coding agents at work at once', parseCount)
    .option('--tasks <n>', 'tasks of all agents (default: 10 per agent, at least 200)', parseCount)
    .option('--turns <n>', 'with --agents: mean turns of a task (default: 25)', parseCount)
    .option('--tool-seconds <s>', 'with --agents: mean time of a tool call (default: 0.5)', parsePositive)
    .option('--rate <r>', 'instead: requests per second with drawn lengths', parsePositive)
    .option('--users <n>', 'instead: so many users, each with one request at a time', parseCount)
    .option(
      '--think <time>',
      'with --users: mean time from an answer to the next request, such as 20s',
      parseSeconds,
    )
    .option(
      '--burstiness <b>',
      'with --rate: 1 Poisson, smaller in bursts, larger more even',
      parsePositive,
      1,
    )
    .option(
      '--daily-swing <share>',
      'with --rate: how far the rate swings around its mean over a day',
      parseShare,
      0,
    )
    .option(
      '--prompt <tokens>',
      'with --rate: mean prompt (default: 1024, or a quarter of a shorter context)',
      parseCount,
    )
    .option(
      '--output <tokens>',
      'with --rate: mean answer (default: 256, or an eighth of a shorter context)',
      parseCount,
    )
    .option('--spread <s>', 'with --rate: standard deviation of the logarithm of lengths', parseNumber, 0.7)
    .option('--requests <n>', 'requests to simulate (default: the trace once, or 10000)', parseCount)
    .option('--rate-scale <x>', 'requests come so many times faster', parsePositive, 1)
    .option('--batch-share <share>', 'share of the requests that may wait (batch tier)', parseShare, 0)
    .option('--slo <limits>', 'limits such as ttft=500ms,tpot=20ms, also itl and e2el', parseSlo, {
      ttftMs: 500,
      tpotMs: 30,
    })
    .option('--percentile <p>', 'share of the requests that must be within each limit', parsePercentile, 99)
    .option('--max-batch <n>', 'sequences that one copy of the model runs at once at most', parseCount, 256)
    .option(
      '--max-queue <n>',
      'requests that may wait at one copy; more are refused (default: no limit)',
      parseCount,
    )
    .option('--tp <n>', 'GPUs that share one copy of the model (default: searched)', parseCount)
    .addOption(new Option('--engine <name>', 'serving engine on GPUs').choices(ENGINE_NAMES).default('vllm'))
    .option('--weights <bits>', '16, 8 or 4 (default: as published)', parseBits)
    .option('--kv <bits>', '16 or 8 (default: as the checkpoint says, or 16)', parseBits)
    .option('--memory-share <share>', 'of a GPU’s memory that may be used (default: 0.9)', parseShare)
    .option('--clock <ghz>', 'clock of the wafers', parsePositive)
    .option('--price <list>', 'dollars per hour and machine, such as wse-3=70,h200=3.5', parsePrices)
    .option('--seed <n>', 'same seed, same result', parseNumber, 1)
    .option('--workers <n>', 'threads that simulate (default: one per core)', parseCount)
    .option('--resume <file>', 'keep results in this file, and go on from those that it has')
    .option('--queue <url>', 'let `waferflow worker`s do it, over Redis such as redis://localhost:6379')
    .option('--queue-timeout <seconds>', 'how long to wait for a Redis that is gone', parseCount, 600)
    .option(
      '--replay <sweep.json>',
      'instead: the loads of a measured sweep, simulated on one calibrated machine beside the measurement',
    )
    .option('--html <file>', 'write a report')
    .option('--md <file>', 'write the report as Markdown')
    .option('--json', 'print one JSON document on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow capacity --model llama-3.1-8b --machine wse-3,h100 --rate 20 --slo ttft=500ms,tpot=20ms\n  $ waferflow capacity --model codex-spark-like --agents 20 --machine wse-3,h200\n  $ waferflow capacity --model llama-3.1-70b --weights 8 --machine b200 --users 500 --think 20s --slo ttft=1s,tpot=30ms --requests 2000\nWith a request log:\n  $ waferflow capacity --model llama-3.1-70b --trace requests.csv --rate-scale 10 --resume search.jsonl',
    )
    .action((flags: CapacityFlags) => run(flags, program.version() ?? ''));
}

async function run(flags: CapacityFlags, version: string): Promise<void> {
  const card = await resolveCard(flags.model);
  if (flags.replay !== undefined) {
    replaySweep(flags, card, flags.replay);
    return;
  }
  const inputs = inputsOf(flags, card);
  const sweep = openSweep(inputs);
  const result = await interruptible(async (signal) => {
    const runner = await startSweep({
      inputs: JSON.stringify(inputs),
      version,
      workers: flags.workers ?? null,
      resume: flags.resume ?? null,
      queue: flags.queue === undefined ? null : { url: flags.queue, patienceMs: flags.queueTimeout * 1e3 },
      signal,
    });
    try {
      if (runner.resumed > 0) console.error(`waferflow: ${runner.resumed} results from ${flags.resume}`);
      return await searchCapacity(sweep, runner.run, commandLine());
    } finally {
      await runner.close();
    }
  });
  await output(flags, inputs, result, version);
}

/** What was measured beside what the simulated machine does. */
function replaySweep(flags: CapacityFlags, card: ModelCard, file: string): void {
  const [machine] = flags.machine.map(machineOf);
  if (flags.machine.length !== 1 || machine?.kind !== 'gpu') {
    throw conflict('--replay', flags.machine.join(','), 'one --machine with it, such as a calibrated file');
  }
  const points = replay(
    card,
    requestOf(flags, card, machine),
    candidateOn(machine),
    pointsOf(readSweep(file)),
  );
  if (flags.json) printJson({ machine: machine.name, model: card.name, points });
  else console.log(`${card.name} on ${machine.title}, simulated beside ${file}\n${replayText(points)}`);
}

async function output(
  flags: CapacityFlags,
  { card, machines }: SweepInputs,
  result: CapacityResult,
  version: string,
): Promise<void> {
  await writeReports(flags, async () => {
    const { capacityHtml, capacityMarkdown } = await import('../report/capacity/report.js');
    const { placedWafers } = await import('../report/capacity/floor.js');
    const placed = placedWafers(
      card,
      machines.map(({ machine }) => machine),
      result,
    );
    const extras = { version, placed };
    return { html: () => capacityHtml(result, extras), md: () => capacityMarkdown(result, extras) };
  });
  if (flags.json) printJson(result);
  else console.log(capacityText(result));
}

function inputsOf(flags: CapacityFlags, card: ModelCard): SweepInputs {
  const machines = flags.machine.map(machineOf);
  for (const name of flags.price?.keys() ?? []) {
    if (!machines.some((machine) => machine.name === name))
      throw conflict('--price', name, `one of ${machines.map((machine) => machine.name).join(', ')}`);
  }
  if (flags.tp !== undefined && !machines.some((machine) => machine.kind === 'gpu'))
    throw conflict('--tp', String(flags.tp), 'a GPU among the machines');
  if (flags.clock !== undefined && !machines.some((machine) => machine.kind === 'wafer'))
    throw conflict('--clock', String(flags.clock), 'a wafer among the machines');
  return {
    card,
    machines: machines.map((machine) => requestOf(flags, card, machine)),
    workload: workloadOf(flags, card),
    slo: { ...flags.slo, percentile: flags.percentile },
    seed: flags.seed,
    maxQueue: flags.maxQueue ?? null,
  };
}

function requestOf(flags: CapacityFlags, card: ModelCard, machine: Machine): MachineRequest {
  const known = machine.kind === 'wafer' ? waferPrice(machine.name) : machine.facts.dollarsPerHour;
  const at =
    machine.kind === 'wafer' && flags.clock !== undefined ? withClock(machine, flags.clock * 1e9) : machine;
  return {
    machine: at,
    dollarsPerHour: flags.price?.get(machine.name) ?? known.value,
    weightBits: weightBitsOf(card, {
      ...ONE_USER,
      ...(flags.weights !== undefined && { weightBits: flags.weights }),
    }),
    kvBits: flags.kv ?? card.kvBits,
    engine: flags.engine,
    tensorParallel: flags.tp ?? null,
    maxBatch: Math.min(flags.maxBatch, servedAtOnce(machine)),
    memoryShare: flags.memoryShare ?? null,
  };
}

/** Sequences that a machine's own server runs at once, where its file says it. */
function servedAtOnce(machine: Machine): number {
  return (machine.kind === 'gpu' ? machine.serving?.maxRunning?.value : undefined) ?? Infinity;
}

const ONE_USER = { promptTokens: 1, outputTokens: 1, concurrency: 1 };

function withClock(machine: Machine & { kind: 'wafer' }, hertz: number): Machine {
  const given = { value: hertz, tag: 'derived', source: 'given', confidence: 'high' } as const;
  return { ...machine, facts: { ...machine.facts, clockHz: given } };
}

function workloadOf(flags: CapacityFlags, card: ModelCard): WorkloadSpec {
  const given = (['trace', 'rate', 'agents', 'users'] as const).filter((name) => flags[name] !== undefined);
  if (given.length !== 1) {
    throw new OptionError({
      what: 'workload',
      given: given.length === 0 ? 'none' : given.map((name) => `--${name}`).join(' and '),
      expected: 'one of --trace, --rate, --users, --agents and --replay',
      todo: 'Say which requests to plan for, for example --rate 10 or --users 500 --think 20s.',
    });
  }
  if (flags.think !== undefined && flags.users === undefined)
    throw conflict('--think', String(flags.think), '--users with it');
  const { rateScale, batchShare } = flags;
  if (flags.trace !== undefined) {
    return {
      kind: 'trace',
      file: flags.trace,
      text: readTextFileSync(flags.trace, 'a trace', MAX_TRACE_BYTES),
      requests: flags.requests ?? null,
      rateScale,
      batchShare,
    };
  }
  if (flags.agents !== undefined) {
    const tasks = flags.tasks ?? Math.max(200, 10 * flags.agents);
    return {
      kind: 'agents',
      spec: {
        ...CODING_TASK,
        turns: { ...CODING_TASK.turns, ...(flags.turns !== undefined && { mean: flags.turns }) },
        toolSeconds: {
          ...CODING_TASK.toolSeconds,
          ...(flags.toolSeconds !== undefined && { mean: flags.toolSeconds }),
        },
        tasks,
        agents: flags.agents,
        maxContext: card.maxPositionEmbeddings,
      },
    };
  }
  const length = (
    mean: number,
  ): { kind: 'fixed'; tokens: number } | { kind: 'lognormal'; mean: number; spread: number } =>
    flags.spread === 0 ? { kind: 'fixed', tokens: mean } : { kind: 'lognormal', mean, spread: flags.spread };
  const prompt = length(flags.prompt ?? Math.min(1024, Math.ceil(card.maxPositionEmbeddings / 4)));
  const output = length(flags.output ?? Math.min(256, Math.ceil(card.maxPositionEmbeddings / 8)));
  if (flags.users !== undefined) {
    const requests = flags.requests ?? Math.max(10_000, 10 * flags.users);
    return { kind: 'users', users: flags.users, thinkSeconds: flags.think ?? 0, requests, prompt, output };
  }
  return {
    kind: 'drawn',
    requests: flags.requests ?? 10_000,
    arrivals: {
      requestsPerSecond: flags.rate!,
      burstiness: flags.burstiness,
      dailySwing: flags.dailySwing,
      daySeconds: 86_400,
    },
    prompt,
    output,
    rateScale,
    batchShare,
  };
}

/** A day of a busy service; more belongs into a sample. */
const MAX_TRACE_BYTES = 512 * MiB;

function conflict(what: string, given: string, expected: string): OptionError {
  return new OptionError({ what, given, expected, todo: 'Leave the option out or add such a machine.' });
}

function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

/** `20s`, `500ms`, or a bare number of seconds. */
function parseSeconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/i.exec(text.trim());
  if (!match) throw new InvalidArgumentError('Expected a time such as 20s or 500ms.');
  return Number(match[1]) * (match[2]?.toLowerCase() === 'ms' ? 1e-3 : 1);
}

function parseShare(text: string): number {
  const value = parseNumber(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}

function parsePercentile(text: string): number {
  const value = parseNumber(text);
  if (value <= 0 || value > 100) throw new InvalidArgumentError('Expected a number above 0 and up to 100.');
  return value;
}

function parseBits(text: string): number {
  const value = parseCount(text);
  if (![16, 8, 4].includes(value)) throw new InvalidArgumentError('Expected 16, 8 or 4.');
  return value;
}
