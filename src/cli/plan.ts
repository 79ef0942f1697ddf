/** `waferflow plan`: one model on one or several kinds of machines, side by side. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { countParameters, kvBytesPerToken, type ModelCard } from '../../models/card.js';
import { OptionError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import type { Slo } from '../fleet/types.js';
import { parseMachineJson, parseWafer } from '../machine/custom.js';
import { parseGpu } from '../machine/gpus.js';
import { resolveCard } from '../platform/node/cards.js';
import { writeFileAtomic } from '../platform/node/write-file.js';
import { BREAKDOWN_HEADER, breakdownRows, PLAN_FIGURES } from '../report/plan/figures.js';
import { floorPlanSvg } from '../report/plan/floor-plan.js';
import type { PlanReportInput } from '../report/plan/report.js';
import { plan } from '../timing/estimate.js';
import type { Machine, PlanRequest, PlanResult } from '../timing/estimate-types.js';
import { ENGINE_NAMES, type EngineName } from '../timing/gpu/constants.js';
import { interactivity } from '../timing/interactivity.js';
import { findMachine } from '../timing/local-run.js';
import { commandLine } from './command-line.js';
import { parseCount, parseNumber } from './options.js';
import { formatNumber, formatTable, printJson } from './output.js';
import {
  meets,
  parseSweep,
  requireClosedForm,
  type Settings,
  type SweptPlan,
  sweepCsv,
  sweepTable,
  tried,
  usersWithin,
} from './plan-sweep.js';
import { writeReports } from './reports.js';
import { parseSlo } from './slo.js';
import { readTextFileSync } from './text-file.js';

interface PlanFlags {
  readonly model?: string;
  readonly machine: readonly string[];
  readonly count?: number | 'auto';
  readonly tp?: number;
  readonly ep?: number;
  readonly engine?: EngineName;
  readonly weights?: number;
  readonly kv?: number;
  readonly memoryShare?: number;
  readonly prompt?: number;
  readonly output?: number;
  readonly concurrency: number;
  readonly clock?: number;
  readonly grid?: number;
  readonly draft?: number;
  readonly acceptance?: number;
  readonly draftCost?: number;
  readonly price?: ReadonlyMap<string, number>;
  readonly html?: string;
  readonly md?: string;
  readonly svg?: string;
  readonly slo?: Omit<Slo, 'percentile'>;
  readonly sweep?: readonly Settings[];
  readonly csv?: string;
  readonly json?: boolean;
}

export function registerPlan(program: Command): void {
  const bits = (flags: string, text: string): Option =>
    new Option(flags, text).argParser((value) => parseCount(value));
  program
    .command('plan')
    .description('what one configuration takes on wafers and GPUs: time, memory, power, cost (simulated)')
    .option(
      '-m, --model <name|path>',
      'a card, config.json, model directory or GGUF file (default: the embedded model)',
    )
    .option(
      '--machine <names>',
      'machines or JSON files, separated by commas',
      (text) => text.split(',').map((name) => name.trim()),
      ['wse-3', 'h200'],
    )
    .option(
      '--count <n|auto>',
      'machines of each kind (default: auto, the fewest that hold it all)',
      parseCountOrAuto,
    )
    .option('--tp <n>', 'GPUs that share one copy of the model', parseCount)
    .option('--ep <n>', 'GPUs to which experts are dealt', parseCount)
    .addOption(new Option('--engine <name>', 'serving engine on GPUs (default: vllm)').choices(ENGINE_NAMES))
    .addOption(bits('--weights <bits>', '16, 8 or 4 (default: as published)'))
    .addOption(bits('--kv <bits>', '16 or 8 (default: as the checkpoint says, or 16)'))
    .option('--memory-share <share>', 'of a GPU’s memory that may be used (default: 0.9)', parseNumber)
    .option(
      '--prompt <tokens>',
      'prompt tokens per request (default: 1024, or half of a shorter context)',
      parseCount,
    )
    .option('--output <tokens>', 'generated tokens per request (default: as --prompt)', parseCount)
    .option('--concurrency <users>', 'users with one request in flight each', parseCount, 1)
    .option('--clock <ghz>', 'clock of the wafers', parseNumber)
    .option('--grid <pes>', 'side of the wafers’ square regions (default: searched)', parseCount)
    .option('--draft <tokens>', 'speculative decoding: tokens drafted at once', parseCount)
    .option('--acceptance <p>', 'probability that a drafted token is right (default: 0.7)', parseNumber)
    .option(
      '--draft-cost <share>',
      'cost of drafting a token as a share of a step (default: 0.1)',
      parseNumber,
    )
    .option('--price <list>', 'dollars per hour and machine, such as wse-3=70,h200=3.5', parsePrices)
    .option('--html <file>', 'write a report')
    .option('--md <file>', 'write the report as Markdown')
    .option('--svg <file>', 'write the floor plan of the first wafer machine')
    .option(
      '--slo <limits>',
      'how many users fit within limits such as ttft=500ms,tpot=20ms, also e2el',
      parseSlo,
    )
    .option('--sweep <lists...>', 'all combinations of lists such as tp=1,2,4 weights=4,8', parseSweep)
    .option('--csv <file>', 'write what --sweep or --slo found, a line for each configuration')
    .option('--json', 'print one JSON document on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow plan --model llama-3.1-8b --machine wse-3,h200 --concurrency 16\n  $ waferflow plan --model gpt-oss-120b --machine wse-3,b200 --prompt 4096 --output 512 --html plan.html',
    )
    .action((flags: PlanFlags) => run(flags, program.version() ?? ''));
}

function parseCountOrAuto(text: string): number | 'auto' {
  return text === 'auto' ? text : parseCount(text);
}

export function parsePrices(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split(',').map((part) => {
      const [name, dollars, ...rest] = part.split('=');
      if (!name || dollars === undefined || rest.length > 0) {
        throw new InvalidArgumentError('Expected a list such as wse-3=70,h200=3.5.');
      }
      return [name.trim(), parseNumber(dollars)];
    }),
  );
}

async function run(flags: PlanFlags, version: string): Promise<void> {
  const card = await resolveCard(flags.model);
  const machines = flags.machine.map(machineOf);
  checkTogether(flags, machines);
  if (flags.sweep || flags.slo) {
    checkSweep(flags);
    return sweep(card, machines, flags);
  }
  if (flags.csv !== undefined) throw notTogether('--csv', 'with --sweep or --slo');
  const requests = machines.map((machine) => requestFor(card, machine, flags));
  const results = machines.map((machine, at) => plan(card, machine, requests[at]!));
  await writeReports(flags, async () => {
    const { planHtml, planMarkdown } = await import('../report/plan/report.js');
    const input = { ...reportOf(card, machines, requests, results), version };
    return { html: () => planHtml(input), md: () => planMarkdown(input) };
  });
  if (flags.svg !== undefined) await writeFileAtomic(flags.svg, floorPlan(results, machines));
  if (flags.json) printJson(toJson(card, results));
  else console.log(report(card, results));
}

function checkSweep(flags: PlanFlags): void {
  const lost = (['html', 'md', 'svg'] as const).filter((name) => flags[name] !== undefined);
  if (lost.length > 0)
    throw notTogether(lost.map((name) => `--${name}`).join(', '), 'without --sweep and --slo');
  const twice = Object.keys(flags.sweep?.[0] ?? {}).filter(
    (name) => name !== 'concurrency' && flags[name as keyof PlanFlags] !== undefined,
  );
  if (twice.length > 0)
    throw notTogether(twice.map((name) => `--${name}`).join(', '), 'once, as a list of --sweep or by itself');
}

function notTogether(given: string, expected: string): OptionError {
  return new OptionError({ what: 'options', given, expected, todo: 'Leave one of them out.' });
}

/** Every combination on every machine; options of the other kind of machine are left out of a machine's. */
async function sweep(card: ModelCard, machines: readonly Machine[], flags: PlanFlags): Promise<void> {
  const { slo, sweep: combinations = [{}] } = flags;
  if (slo) requireClosedForm(slo);
  const rows = machines.flatMap((machine) => {
    const own = combinations.map((settings) => settingsFor(machine, settings));
    const unique = [...new Map(own.map((settings) => [JSON.stringify(settings), settings])).values()];
    return unique.map((settings): SweptPlan => {
      const request = requestFor(card, machine, { ...flags, ...settings });
      const { result, reason } = tried(() => plan(card, machine, request));
      const withinSlo =
        slo === undefined || result === null
          ? null
          : usersWithin(
              // Of the machines that hold one request, unless their number was given.
              (concurrency) =>
                tried(() =>
                  plan(card, machine, { ...request, count: request.count ?? result.count, concurrency }),
                ).result,
              (one) => meets(one, slo, request.outputTokens),
            );
      return { machine: machine.name, settings, result, withinSlo, reason };
    });
  });
  if (flags.csv !== undefined) await writeFileAtomic(flags.csv, sweepCsv(rows));
  if (flags.json) {
    const results = rows.map(({ machine, settings, result, withinSlo, reason }) => ({
      machine,
      settings,
      ...(result && summaryOf(result)),
      ...(withinSlo && {
        withinSlo: { users: withinSlo.users, ...(withinSlo.result && summaryOf(withinSlo.result)) },
      }),
      ...(reason !== null && { reason }),
    }));
    printJson({ model: card.name, simulated: true, ...(slo && { slo }), results });
  } else console.log(sweepTable(rows));
}

function settingsFor(machine: Machine, { tp, ep, engine, clock, grid, ...settings }: Settings): Settings {
  return machine.kind === 'wafer'
    ? { ...settings, ...(clock !== undefined && { clock }), ...(grid !== undefined && { grid }) }
    : {
        ...settings,
        ...(tp !== undefined && { tp }),
        ...(ep !== undefined && { ep }),
        ...(engine !== undefined && { engine }),
      };
}

function summaryOf({ plan: _, decode: __, prefill: ___, ...result }: PlanResult): object {
  return result;
}

/** What the report shows: the results, and the frontier of throughput and interactivity around each. */
function reportOf(
  card: ModelCard,
  machines: readonly Machine[],
  requests: readonly PlanRequest[],
  results: readonly PlanResult[],
): Omit<PlanReportInput, 'version'> {
  const frontiers = results.map((result, at) => interactivity(card, machines[at]!, requests[at]!, result));
  return { card, machines, requests, results, frontiers, command: commandLine() };
}

/** A known name, or a JSON file of either kind. */
export function machineOf(name: string): Machine {
  if (!name.endsWith('.json')) return findMachine(name);
  const text = readTextFileSync(name);
  return parseMachineJson(text, name).kind === 'gpu' ? parseGpu(text, name) : parseWafer(text, name);
}

/** Options for one kind of machine need one of that kind; prices need their machine. */
function checkTogether(flags: PlanFlags, machines: readonly Machine[]): void {
  const wafer = machines.some((machine) => machine.kind === 'wafer');
  const gpu = machines.some((machine) => machine.kind === 'gpu');
  const given = (names: readonly (keyof PlanFlags)[]): string =>
    names
      .filter((name) => flags[name] !== undefined)
      .map((name) => `--${name}`)
      .join(', ');
  const lost = wafer
    ? gpu
      ? ''
      : given(['tp', 'ep', 'engine', 'memoryShare'])
    : given(['clock', 'grid', 'svg']);
  const problem = (what: string, given2: string, expected: string): OptionError =>
    new OptionError({ what, given: given2, expected, todo: 'Leave the option out or add such a machine.' });
  if (lost !== '')
    throw problem('options', lost, wafer ? 'a GPU among the machines' : 'a wafer among the machines');
  for (const name of flags.price?.keys() ?? []) {
    if (!machines.some((machine) => machine.name === name))
      throw problem('--price', name, machines.map((m) => m.name).join(', '));
  }
  if (flags.draft === undefined && (flags.acceptance !== undefined || flags.draftCost !== undefined)) {
    throw problem('options', given(['acceptance', 'draftCost']), '--draft with them');
  }
}

function requestFor(card: ModelCard, machine: Machine, flags: PlanFlags): PlanRequest {
  const { weights, kv, count, tp, ep, engine, clock, grid, draft } = flags;
  const tokens = Math.min(1024, Math.max(1, Math.floor(card.maxPositionEmbeddings / 2)));
  const dollarsPerHour = flags.price?.get(machine.name);
  const own =
    machine.kind === 'wafer'
      ? { ...(clock !== undefined && { clockHz: clock * 1e9 }), ...(grid !== undefined && { side: grid }) }
      : {
          ...(tp !== undefined && { tensorParallel: tp }),
          ...(ep !== undefined && { expertParallel: ep }),
          ...(engine !== undefined && { engine }),
          ...(flags.memoryShare !== undefined && { memoryShare: flags.memoryShare }),
        };
  return {
    promptTokens: flags.prompt ?? tokens,
    outputTokens: flags.output ?? tokens,
    concurrency: flags.concurrency,
    ...(weights !== undefined && { weightBits: weights }),
    ...(kv !== undefined && { kvBits: kv }),
    ...(typeof count === 'number' && { count }),
    ...(draft !== undefined && {
      draft: { length: draft, acceptance: flags.acceptance ?? 0.7, costShare: flags.draftCost ?? 0.1 },
    }),
    ...(dollarsPerHour !== undefined && { dollarsPerHour }),
    ...own,
  };
}

function floorPlan(results: readonly PlanResult[], machines: readonly Machine[]): string {
  for (const [index, machine] of machines.entries()) {
    const placed = results[index]!.plan;
    if (machine.kind === 'wafer' && placed) return floorPlanSvg(placed, machine);
  }
  throw new Error('no wafer among the machines, although the options were checked');
}

function toJson(card: ModelCard, results: readonly PlanResult[]): Record<string, unknown> {
  const parameters = countParameters(card);
  return {
    model: card.name,
    parameters: parameters.total,
    activeParameters: parameters.active,
    ...(card.fileBytes !== undefined && { fileBytes: card.fileBytes }),
    kvBytesPerToken: kvBytesPerToken(card, 2),
    cardTag: card.tag,
    notes: card.notes,
    simulated: true,
    results: results.map(({ plan: placed, decode, prefill, ...result }) => ({
      ...result,
      ...(placed && {
        regions: placed.regions.map(({ wafer, rect, firstLayer, lastLayer, embedding, head, budget }) => ({
          wafer,
          rect,
          firstLayer,
          lastLayer,
          embedding,
          head,
          bytesPerPe: budget,
        })),
      }),
      decodeBreakdownMs: breakdownOf(decode),
      prefillBreakdownMs: breakdownOf(prefill),
    })),
  };
}

function breakdownOf(step: PlanResult['decode']): Record<string, number> {
  const byOp: Record<string, number> = {};
  for (const { op, seconds } of step.ops) byOp[op] = (byOp[op] ?? 0) + seconds * 1e3;
  return byOp;
}

function report(card: ModelCard, results: readonly PlanResult[]): string {
  const parameters = countParameters(card);
  const billions = (count: number): string =>
    count >= 1e9 ? `${formatNumber(count / 1e9)} B` : `${formatNumber(count / 1e6)} M`;
  const lines = [
    `${card.name}: ${billions(parameters.total)} parameters, ${billions(parameters.active)} active${card.fileBytes === undefined ? '' : `, ${formatBytes(card.fileBytes)} in the file`}; KV cache ${formatBytes(kvBytesPerToken(card, 2))} per token in 16 bits; shape ${card.tag}`,
    ...card.notes.map((note) => `  note: ${note}`),
    '',
    formatTable(
      ['simulated', ...results.map((result) => `>${result.count} x ${result.machine}`)],
      [
        ...PLAN_FIGURES.filter(({ label }) => label !== 'machines').map(({ label, of }) => [
          label,
          ...results.map((result) => formatNumber(of(result))),
        ]),
        ['decode bound by', ...results.map((result) => result.boundBy)],
        ['prefill bound by', ...results.map((result) => result.prefillBoundBy)],
        [
          'TPOT, TTFT known to',
          ...results.map(
            ({ error }) => `± ${Math.round(error.tpotPercent)}, ${Math.round(error.ttftPercent)} %`,
          ),
        ],
        ['weakest input', ...results.map((result) => result.tag)],
      ],
    ),
  ];
  for (const result of results) {
    lines.push('', `${result.count} x ${result.machine} holds for (* given, otherwise default):`);
    for (const { name, value, given } of result.assumptions)
      lines.push(`  ${given ? '*' : ' '} ${name}: ${value}`);
    const budget = result.plan?.regions[0]?.budget;
    if (budget) {
      const parts = Object.entries(budget).map(
        ([part, bytes]) => `${part} ${formatBytes(Math.max(0, bytes))}`,
      );
      lines.push(`    SRAM of a PE in the first region: ${parts.join(', ')}`);
    }
    lines.push('', `One decode step on ${result.machine}, milliseconds by what it waits for:`);
    const header = BREAKDOWN_HEADER.map((title, index) => (index === 0 ? title : `>${title}`));
    lines.push(formatTable(header, breakdownRows(result.decode).slice(0, 8)));
  }
  return lines.join('\n');
}
