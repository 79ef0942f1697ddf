/** The report of `waferflow capacity`: how many machines of which kind meet the SLO, and what they cost. */
import type { CapacityResult } from '../../fleet/types.js';
import { type Figure, type Report, type Row, type Section, say, show } from '../document/document.js';
import { formatDate, formatFigure } from '../document/format.js';
import { reportMarkdown } from '../document/markdown.js';
import { pageHtml } from '../document/page.js';
import { PRICE_SOURCE, PUBLIC_PRICES } from '../slo.js';
import { answerSection } from './answer.js';
import { capacityBasis, costAnchor, groundOf, MACHINES_BASIS, tagOf } from './basis.js';
import { costChart, costCurve, frontierChart, taskChart } from './charts.js';
import { latencySection, memorySection, type PlacedWafer } from './load.js';
import { charted, figure, sloText } from './text.js';

/** What is said beside the result: when, by which version, and how the model lies on wafers. */
export interface CapacityExtras {
  readonly date?: string;
  readonly version?: string;
  readonly placed?: readonly PlacedWafer[];
}

export const capacityHtml = (result: CapacityResult, extras: CapacityExtras = {}): string =>
  pageHtml(capacityReport(result, extras));
export const capacityMarkdown = (result: CapacityResult, extras: CapacityExtras = {}): string =>
  reportMarkdown(capacityReport(result, extras));

function capacityReport(result: CapacityResult, extras: CapacityExtras): Report {
  const { model, workload } = result;
  return {
    title: `${model}: how many machines, and what they cost`,
    lead: `${workload.name}: ${formatFigure(workload.requestsPerSecond)} requests per second under ${sloText(result)}. Simulated; nothing on this page was measured.`,
    sections: [
      answerSection(result),
      frontierSection(result),
      latencySection(result),
      costSection(result),
      memorySection(result, extras.placed ?? []),
      ...taskSections(result),
      searchSection(result),
      workloadSection(result),
      capacityBasis(result),
      reproduceSection(result, extras),
    ],
  };
}

function frontierSection(result: CapacityResult): Section {
  const rows = result.frontier.map((point): Row => {
    const answer = result.answers.find(({ machine }) => machine === point.machine);
    const basis = answer ? groundOf(answer, 'time') : MACHINES_BASIS;
    const tag = answer && tagOf(answer, 'time');
    const number = (value: number, ground = basis): Figure => ({ value, basis: ground, ...(tag && { tag }) });
    return {
      header: point.machine,
      cells: [
        { value: point.users, basis },
        number(point.tokensPerSecondPerUser),
        number(point.tokensPerSecondPerMachine),
        number(point.dollarsPerMTokens, answer ? costAnchor(answer) : basis),
        number(point.ttftP99Ms),
        number(point.tpotP99Ms),
        point.onFrontier ? 'yes' : 'no',
      ],
    };
  });
  return {
    id: 'frontier',
    title: 'Throughput against interactivity',
    clock: 'simulated',
    blocks: [
      ...charted(
        frontierChart(result),
        'One copy of the model under more and more users, with this workload’s lengths. Points that another one of the same machine beats in both are left out. Up and to the right is better. Lines only join the points.',
      ),
      ...charted(
        costCurve(result),
        'What a million generated tokens costs at each of these points. Down and to the right is better. Prices are inputs; follow the numbers to their sources.',
      ),
      ...(rows.length === 0
        ? [say('No point was simulated: the model fits on none of the machines.')]
        : [
            show({
              caption: 'Every point, dominated ones too',
              columns: [
                'machine',
                'users',
                'tokens/s per user',
                'tokens/s per machine',
                '$/M generated tokens',
                'TTFT p99, ms',
                'TPOT p99, ms',
                'on the frontier',
              ],
              rows,
            }),
          ]),
    ],
  };
}

function costSection(result: CapacityResult): Section {
  const priced = result.answers.flatMap((answer) => {
    const prices = PUBLIC_PRICES[answer.machine];
    if (prices === undefined || answer.result === null || answer.dollarsPerHour <= 0) return [];
    const perHour = answer.dollarsPerHour / answer.count;
    const at = (price: number): Figure => ({
      value: (answer.costPerMTokens * price) / perHour,
      basis: groundOf(answer, 'time'),
    });
    return [
      {
        header: answer.title,
        cells: [
          figure(answer, answer.costPerMTokens, 'cost'),
          at(prices.hyperscaler),
          at(prices.neocloud),
          at(prices.rental),
        ],
      },
    ];
  });
  return {
    id: 'cost',
    title: 'Cost and energy',
    clock: 'simulated',
    blocks: [
      ...charted(
        costChart(result, 'cost'),
        'At the prices that the section on what the numbers rest on names.',
      ),
      ...charted(costChart(result, 'energy'), 'Wall power over generated tokens, idle time included.'),
      ...(priced.length === 0
        ? []
        : [
            show({
              caption: 'The same cost at other prices, $/M generated tokens',
              columns: ['machine', 'as above', 'hyperscaler’s own', 'neocloud’s own', '3-year rental'],
              rows: priced,
            }),
            say([
              'GPU prices per hour by kind of owner: ',
              { text: 'InferenceX', href: PRICE_SOURCE },
              '. No such price of a wafer is public.',
            ]),
          ]),
    ],
  };
}

function taskSections(result: CapacityResult): Section[] {
  const answers = result.answers.flatMap((answer) =>
    answer.result?.tasks ? [{ answer, tasks: answer.result.tasks }] : [],
  );
  if (answers.length === 0) return [];
  return [
    {
      id: 'tasks',
      title: 'Tasks of agents',
      clock: 'simulated',
      blocks: [
        ...charted(
          taskChart(result),
          'Mean time of one task by what it waits for. Tools and people take the same time on every machine, which is why a machine that is many times faster does not make a task as many times shorter.',
        ),
        show({
          caption: 'Tasks, ms',
          columns: [
            'machine',
            'tasks',
            'turns',
            'mean',
            'p50',
            'p90',
            'p95',
            'p99',
            'longest',
            'first tokens',
            'further tokens',
            'tools',
            'person',
          ],
          rows: answers.map(({ answer, tasks }) => ({
            header: answer.title,
            cells: [
              tasks.tasks,
              tasks.turns,
              tasks.taskMs.mean,
              tasks.taskMs.p50,
              tasks.taskMs.p90,
              tasks.taskMs.p95,
              tasks.taskMs.p99,
              tasks.taskMs.max,
              tasks.meanFirstTokenMs,
              tasks.meanDecodeMs,
              tasks.meanToolMs,
              tasks.meanThinkMs,
            ].map((value) => figure(answer, value, 'time')),
          })),
        }),
      ],
    },
  ];
}

function searchSection(result: CapacityResult): Section {
  const rows = result.trials.map((trial): Row => {
    const answer = result.answers.find(({ machine }) => machine === trial.machine);
    const basis = answer ? groundOf(answer, 'time') : MACHINES_BASIS;
    return {
      header: trial.machine,
      cells: [
        ...[trial.count, trial.configuration.machinesPerReplica, trial.configuration.maxBatch].map(
          (value) => ({ value, basis }),
        ),
        trial.meets ? 'yes' : 'no',
        ...[trial.goodput, trial.ttftMs, trial.tpotMs].map((value) => ({ value, basis })),
        { value: trial.dollarsPerMTokens, basis: answer ? costAnchor(answer) : basis },
        trial.isComplete ? 'whole' : 'stopped: the SLO was out of reach',
      ],
    };
  });
  return {
    id: 'search',
    title: 'What was tried',
    clock: 'simulated',
    blocks:
      rows.length === 0
        ? [say('Nothing could be tried.')]
        : [
            show({
              caption: `Fleets of the search; TTFT and TPOT at the ${result.slo.percentile}th percentile`,
              columns: [
                'machine',
                'machines',
                'per copy',
                'at once',
                'meets',
                'goodput',
                'TTFT, ms',
                'TPOT, ms',
                '$/M generated tokens',
                'run',
              ],
              rows,
            }),
          ],
  };
}

function workloadSection({ workload, seed }: CapacityResult): Section {
  const basis = 'assumptions-common';
  const row = (header: string, value: number): Row => ({ header, cells: [{ value, basis }] });
  return {
    id: 'workload',
    title: 'The workload',
    blocks: [
      show({
        caption: workload.name,
        columns: ['', 'value'],
        rows: [
          row('requests', workload.requests),
          row('requests per second, mean', workload.requestsPerSecond),
          row('rate scale', workload.rateScale),
          row('prompt tokens, mean', workload.meanPromptTokens),
          row('prompt tokens, p99', workload.p99PromptTokens),
          row('generated tokens, mean', workload.meanOutputTokens),
          row('generated tokens, p99', workload.p99OutputTokens),
          row('seed', seed),
          {
            header: 'prompts share prefixes',
            cells: [workload.hasPrefixes ? 'yes, as the trace says' : 'no'],
          },
          { header: 'tasks of agents', cells: [workload.agents ? 'yes' : 'no'] },
        ],
      }),
    ],
  };
}

function reproduceSection({ command }: CapacityResult, { date, version }: CapacityExtras): Section {
  const facts = [
    version === undefined ? '' : `waferflow ${version}`,
    date === undefined ? '' : formatDate(date),
  ].filter((text) => text !== '');
  return {
    id: 'reproduce',
    title: 'How to reproduce this',
    blocks: [
      { kind: 'command', command },
      say(
        `${facts.length === 0 ? '' : `${facts.join(', ')}. `}The same command and trace give the same numbers.`,
      ),
    ],
  };
}
