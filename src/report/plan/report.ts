/** The report of `waferflow plan`. */
import type { ModelCard } from '../../../models/card.js';
import { countParameters, kvBytesPerToken } from '../../../models/card.js';
import { formatBytes } from '../../core/units.js';
import type { StepCost } from '../../timing/cost.js';
import type { Machine, PlanRequest, PlanResult } from '../../timing/estimate-types.js';
import { basisIntro, machineAnchor, machineBasis, NOT_MODELLED, priceConstant } from '../basis.js';
import type { XyChart } from '../document/chart-types.js';
import {
  anchor,
  type Block,
  type Figure,
  type Report,
  type Section,
  say,
  show,
  type Table,
} from '../document/document.js';
import { formatFigure } from '../document/format.js';
import { reportMarkdown } from '../document/markdown.js';
import { pageHtml } from '../document/page.js';
import { BREAKDOWN_HEADER, breakdownOf, PLAN_FIGURES, planFigure } from './figures.js';
import { floorPlanElement, floorPlanTable } from './floor-plan.js';
import { rooflineChart } from './roofline.js';

/** What was planned, and by which command. */
export interface PlanReportInput {
  readonly card: ModelCard;
  readonly machines: readonly Machine[];
  readonly results: readonly PlanResult[];
  /** By result: the frontier of throughput and interactivity on as many machines. */
  readonly frontiers: readonly (readonly PlanResult[])[];
  /** By result: what was asked of its machine. */
  readonly requests: readonly PlanRequest[];
  readonly command: string;
  readonly version?: string;
}

export const planHtml = (input: PlanReportInput): string => pageHtml(planReport(input));
export const planMarkdown = (input: PlanReportInput): string => reportMarkdown(planReport(input));

function planReport(input: PlanReportInput): Report {
  const { card, results, command, version } = input;
  const workload = results[0]?.assumptions.find(({ name }) => name === 'workload')?.value ?? '';
  return {
    title: `${card.name}: wafers and GPUs compared`,
    lead: `Simulated: ${workload}. No time, power or cost on this page was measured.`,
    sections: [
      comparison(input),
      interactivitySection(input),
      { id: 'roofline', title: 'Roofline', clock: 'simulated', blocks: [rooflineBlock(results)] },
      ...results.map((result, index) => machineSection(input, result, input.machines[index]!)),
      basis(input),
      {
        id: 'reproduce',
        title: 'How to reproduce this',
        blocks: [
          { kind: 'command', command },
          say(
            `${version === undefined ? '' : `waferflow ${version}. `}The same command gives the same numbers.`,
          ),
        ],
      },
    ],
  };
}

const nameOf = (result: PlanResult): string => `${result.count} x ${result.machine}`;

function comparison(input: PlanReportInput): Section {
  const { card, results, machines } = input;
  const parameters = countParameters(card);
  const words = (header: string, of: (result: PlanResult) => string) => ({ header, cells: results.map(of) });
  const table: Table = {
    caption: 'Time, memory, power and cost',
    columns: ['figure', ...results.map(nameOf)],
    rows: [
      ...PLAN_FIGURES.map((figure) => ({
        header: figure.label,
        cells: results.map((result, at) =>
          planFigure(figure, result, machines[at]!, { cardTag: card.tag, request: input.requests[at]! }),
        ),
      })),
      words('decode bound by', (r) => r.boundBy),
      words('prefill bound by', (r) => r.prefillBoundBy),
      words('weakest input', (r) => r.tag),
    ],
  };
  return {
    id: 'comparison',
    title: 'Side by side',
    clock: 'simulated',
    blocks: [
      say(
        `${card.name} has ${formatFigure(parameters.total / 1e9)} billion parameters, ${formatFigure(parameters.active / 1e9)} billion active per token, and a KV cache of ${formatBytes(kvBytesPerToken(card, 2))} per token in 16 bits. Its shape is ${card.tag} (${card.source}).`,
      ),
      ...(card.notes.length > 0 ? [{ kind: 'list' as const, items: card.notes }] : []),
      show(table),
      say(
        'TTFT: time to the first token. TPOT: mean time per token after the first. kW is wall power of all machines with host and cooling; J/token divides it by the tokens of all users.',
      ),
    ],
  };
}

function interactivitySection({ results, frontiers }: PlanReportInput): Section {
  const chart = (id: string, title: string, y: string, of: (r: PlanResult) => number): XyChart => ({
    kind: 'xy',
    id,
    title,
    x: { label: 'tokens/s per user' },
    y: { label: y },
    series: frontiers.map((points, colour) => ({
      name: nameOf(results[colour]!),
      points: points.map((result) => ({ x: result.tokensPerSecondPerUser, y: of(result) })),
      look: 'line',
      colour,
      basis: machineAnchor(results[colour]!.machine),
    })),
  });
  return {
    id: 'interactivity',
    title: 'Throughput against interactivity',
    clock: 'simulated',
    blocks: [
      {
        kind: 'chart',
        chart: chart(
          'frontier',
          'Tokens per second and machine',
          'tokens/s per machine',
          (r) => r.tokensPerSecond / r.count,
        ),
        text: 'The same machines under 1, 2, 4, … users, and for GPUs in every split into copies of the model; points that another one beats in both are left out. Up and to the right is better. Lines only join the points.',
      },
      {
        kind: 'chart',
        chart: chart(
          'cost',
          'Cost of generated tokens',
          '$ per million generated tokens',
          (r) => r.dollarsPerMTokens,
        ),
        text: 'Cost at each of these points, all machines paid for by the hour. Down and to the right is better. The prices are inputs; follow the numbers to their sources.',
      },
    ],
  };
}

function rooflineBlock(results: readonly PlanResult[]): Block {
  return {
    kind: 'chart',
    chart: rooflineChart(results),
    text: 'The roof is the lower of peak arithmetic and peak memory speed of one machine: SRAM on a wafer, HBM on a GPU. Hollow points are decode, filled ones prefill.',
  };
}

function machineSection(input: PlanReportInput, result: PlanResult, machine: Machine): Section {
  const conditions: Table = {
    caption: 'What this holds for',
    columns: ['condition', 'value', 'origin'],
    rows: result.assumptions.map(({ name, value, given }) => ({
      header: name,
      cells: [value, given ? 'given' : 'default'],
    })),
  };
  const drawing: Block[] =
    result.plan && machine.kind === 'wafer'
      ? [
          {
            kind: 'drawing',
            svg: floorPlanElement(result.plan, machine),
            text: 'Each box is a region of PEs that holds the layers named in it; the bar inside shows what the SRAM of one of its PEs is used for.',
            table: floorPlanTable(result.plan, machine),
          },
        ]
      : [];
  return {
    id: anchor('result', input.results.indexOf(result), result.machine),
    title: nameOf(result),
    clock: 'simulated',
    blocks: [
      show(conditions),
      ...drawing,
      show(breakdownTable('One decode step, milliseconds', result.decode, machine)),
      show(breakdownTable('One prefill chunk, milliseconds', result.prefill, machine)),
    ],
  };
}

function breakdownTable(caption: string, step: StepCost, machine: Machine): Table {
  const basisId = machineAnchor(machine.name);
  const ms = (value: number): Figure => ({ value, basis: basisId });
  return {
    caption,
    columns: BREAKDOWN_HEADER,
    rows: breakdownOf(step).map(({ op, ms: total, share, parts }) => ({
      header: op,
      cells: [ms(total), { value: share, share: true, basis: basisId }, ...parts.map(ms)],
    })),
  };
}

function basis({ machines, requests }: PlanReportInput): Section {
  const known = new Map(
    machines.map((machine, at) => [machineAnchor(machine.name), { machine, request: requests[at]! }]),
  );
  return {
    id: 'basis',
    title: 'What the numbers rest on',
    blocks: [
      ...basisIntro(),
      { kind: 'heading', text: 'Not modelled' },
      { kind: 'list', items: NOT_MODELLED },
      ...[...known.values()].flatMap(({ machine, request }) =>
        machineBasis(machine, priceConstant(machine, request.dollarsPerHour)),
      ),
    ],
  };
}
