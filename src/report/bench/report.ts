/** The report of `waferflow bench`: what was measured on this machine, and apart from it what is simulated. */
import type { BenchResult, MeasuredRow, Spread } from '../../bench/types.js';
import { machineAnchor } from '../basis.js';
import {
  type Block,
  type Cell,
  type Figure,
  type Report,
  type Section,
  say,
  show,
} from '../document/document.js';
import { formatDate } from '../document/format.js';
import { reportMarkdown } from '../document/markdown.js';
import { pageHtml } from '../document/page.js';
import { asTag } from '../machines.js';
import { basis, setting } from './basis.js';
import { bandwidthChart, itlChart, ratioChart, speedCharts } from './charts.js';
import { HOW, sampleAnchor } from './how.js';
import { caseName, contenderName } from './names.js';

export const benchHtml = (result: BenchResult): string => pageHtml(benchReport(result));
export const benchMarkdown = (result: BenchResult): string => reportMarkdown(benchReport(result));

function benchReport(result: BenchResult): Report {
  const { machine, date, quick, rounds, budgetSeconds } = result;
  return {
    title: 'waferflow measured on this machine',
    lead: `${machine.cpu}, ${machine.cores} cores, ${machine.system}, ${formatDate(date)}: ${rounds} rounds at most${quick ? ' of the quick selection' : ''} within ${minutes(budgetSeconds)}, contenders alternating. Measured and simulated figures stand in sections of their own.`,
    sections: [
      summary(result),
      ratios(result),
      speeds(result),
      latency(result),
      memory(result),
      energy(result),
      ...(result.simulated.length > 0 ? [simulated(result)] : []),
      setting(result),
      basis(result),
    ],
  };
}

const minutes = (seconds: number): string =>
  seconds < 100 ? `${Math.round(seconds)} seconds` : `${Number((seconds / 60).toFixed(1))} minutes`;

/** The lengths that a case had before it was shortened. */
const wantedLengths = ({ phase, promptTokens, generatedTokens, wanted }: MeasuredRow): string => {
  if (promptTokens === wanted.promptTokens && generatedTokens === wanted.generatedTokens) return '';
  return phase === 'prefill'
    ? `${wanted.promptTokens}`
    : `${wanted.promptTokens} + ${wanted.generatedTokens}`;
};

const known = (value: number | null | undefined, basis: string): Figure => ({ value: value ?? null, basis });
const share = (value: number | null, basis: string): Figure => ({ value, basis, share: true });

function spreadCells(spread: Spread | null, basis: string): Cell[] {
  return [
    known(spread?.median, basis),
    known(spread?.min, basis),
    known(spread?.max, basis),
    // One round has no spread.
    share(spread && spread.samples.length > 1 ? spread.spread : null, basis),
  ];
}
const SPREAD_COLUMNS = ['median', 'lowest', 'highest', '± spread'];

function summary(result: BenchResult): Section {
  const decodes = result.measured.filter(
    ({ contender, phase, batch }) => contender === 'waferflow' && phase === 'decode' && batch === 1,
  );
  const items = decodes.map((row) => ({
    label: caseName(row),
    figure: { ...known(row.tokensPerSecond.median, sampleAnchor(result, row)), unit: 'tokens/s' },
    note:
      row.bandwidthShare === null
        ? row.backend
        : `${row.backend}; ${Math.round(row.bandwidthShare * 100)} % of what the memory can deliver`,
  }));
  const ratio = result.ratios.some(({ against }) => against === 'baseline')
    ? result.ratioToGpuStyleBaseline
    : null;
  return {
    id: 'summary',
    title: 'In short',
    clock: 'measured',
    blocks: [
      {
        kind: 'headline',
        items: [
          {
            label: 'faster than the GPU-style baseline, at least',
            figure: { ...known(ratio, HOW.ratio), unit: '×' },
            note: 'decode, one user, lowest over all models here',
          },
          ...items.slice(0, 7),
        ],
      },
      ...busy(result),
      ...(result.notes.length > 0 ? [{ kind: 'list' as const, items: result.notes }] : []),
    ],
  };
}

/** Figures of a machine that does other work are too low, and nobody should find out by comparing. */
function busy({ machine: { load, cores } }: BenchResult): Block[] {
  if (load < cores / 4) return [];
  return [
    say(
      `Other programs were running: the load average at the start was ${load.toFixed(1)} on ${cores} cores. Speeds are lower than on a quiet machine, and ratios are less certain; see the spreads.`,
    ),
  ];
}

function ratios(result: BenchResult): Section {
  const blocks: Block[] = result.ratios.length === 0 ? [say('Nothing to compare with was measured.')] : [];
  const chart = ratioChart(result);
  if (chart) {
    blocks.push({
      kind: 'chart',
      chart,
      text: 'How many times as many tokens per second waferflow makes as each other contender in the same case: the median over rounds that ran one right after the other. 1 is as fast.',
    });
    blocks.push(
      show({
        caption: 'Speed of waferflow over the others, ×',
        columns: ['case', 'over', ...SPREAD_COLUMNS, 'rounds'],
        rows: result.ratios.map((row) => ({
          header: caseName(row),
          cells: [
            contenderName(row.against),
            ...spreadCells(row.ratio, sampleAnchor(result, row)),
            known(row.ratio.samples.length, HOW.ratio),
          ],
        })),
      }),
    );
  }
  if (result.absent.length > 0) {
    blocks.push({
      kind: 'list',
      items: result.absent.map(
        ({ contender, reason }) => `${contenderName(contender)} was not measured: ${reason}`,
      ),
    });
  }
  return { id: 'ratios', title: 'Against the others', clock: 'measured', blocks };
}

function speeds(result: BenchResult): Section {
  return {
    id: 'speeds',
    title: 'Speed',
    clock: 'measured',
    blocks: [
      ...speedCharts(result).map(
        (chart): Block => ({
          kind: 'chart',
          chart,
          text: 'Tokens per second of all requests together, median over the rounds; bars of one case belong together. Prompts and whole requests are in the tables.',
        }),
      ),
      ...result.models.map(({ name }) =>
        show({
          caption: `${name}: tokens per second`,
          columns: [
            'case',
            'shortened from',
            'contender',
            'how',
            ...SPREAD_COLUMNS,
            'rounds',
            'tokens counted',
            'launches per token',
          ],
          rows: rowsOf(result, name).map((row) => ({
            header: caseName(row, false),
            cells: [
              wantedLengths(row),
              contenderName(row.contender),
              row.backend,
              ...spreadCells(row.tokensPerSecond, sampleAnchor(result, row)),
              known(row.tokensPerSecond.samples.length, HOW.tokens),
              known(row.countedTokens, HOW.tokens),
              known(row.launchesPerToken, HOW.launches),
            ],
          })),
        }),
      ),
    ],
  };
}

const rowsOf = (result: BenchResult, model: string): MeasuredRow[] =>
  result.measured.filter((row) => row.model === model);

function latency(result: BenchResult): Section {
  const chart = itlChart(result);
  const waits = result.measured.filter((row) => row.ttftMs !== null || row.itlMs !== null);
  return {
    id: 'latency',
    title: 'Latency',
    clock: 'measured',
    blocks: [
      ...(chart
        ? [
            {
              kind: 'chart' as const,
              chart,
              text: 'Waits between two tokens of one request, over all rounds, single user. Further left is better.',
            },
          ]
        : []),
      show({
        caption: 'Time to the first token and between tokens, ms',
        columns: [
          'case',
          'contender',
          'TTFT median',
          'TTFT lowest',
          'TTFT highest',
          '± spread',
          'ITL p50',
          'ITL p90',
          'ITL p99',
          'ITL longest',
          'waits',
        ],
        rows: waits.map((row) => ({
          header: caseName(row),
          cells: [
            contenderName(row.contender),
            ...spreadCells(row.ttftMs, HOW.ttft),
            ...[row.itlMs?.p50, row.itlMs?.p90, row.itlMs?.p99, row.itlMs?.max, row.itlMs?.count].map(
              (value) => known(value, HOW.itl),
            ),
          ],
        })),
      }),
    ],
  };
}

function memory(result: BenchResult): Section {
  const { bandwidth } = result.machine;
  const moved = result.measured.filter((row) => row.bytesPerToken !== null);
  const chart = bandwidthChart(result);
  return {
    id: 'memory',
    title: 'Roofline of this machine’s memory',
    clock: 'measured',
    blocks: [
      ...(chart
        ? [
            {
              kind: 'chart' as const,
              chart,
              text: 'A single stream of decode cannot make more tokens per second than the memory’s speed divided by the bytes that a token moves: the lines, for each number of threads. No ceiling of arithmetic is drawn, because none was measured.',
            },
          ]
        : []),
      show({
        caption: 'Bytes per token of decode, and what the memory delivered',
        columns: ['case', 'contender', 'bytes per token', 'GB/s', 'share of this machine’s speed'],
        rows: moved.map((row) => ({
          header: caseName(row),
          cells: [
            contenderName(row.contender),
            known(row.bytesPerToken, HOW.bytes),
            known(row.gigabytesPerSecond, HOW.bytes),
            share(row.bandwidthShare, HOW.bandwidth),
          ],
        })),
      }),
      show({
        caption: 'Reading speed of this machine in WebAssembly',
        columns: ['threads', 'GB/s'],
        rows: bandwidth.map(({ threads, gigabytesPerSecond }) => ({
          header: String(threads),
          cells: [known(gigabytesPerSecond, HOW.bandwidth)],
        })),
      }),
    ],
  };
}

function energy(result: BenchResult): Section {
  const sources = [...new Set(result.measured.map((row) => row.energy.source))];
  const told = result.measured.filter((row) => row.energy.joulesPerToken !== null);
  return {
    id: 'energy',
    title: 'Energy',
    clock: 'measured',
    blocks:
      told.length === 0
        ? [say(`Energy was not measured here: ${sources.join('; ')}.`)]
        : [
            show({
              caption: 'Energy of the processor package, J per token',
              columns: ['case', 'contender', 'J/token', 'source'],
              rows: told.map((row) => ({
                header: caseName(row),
                cells: [
                  contenderName(row.contender),
                  known(row.energy.joulesPerToken, HOW.energy),
                  row.energy.source,
                ],
              })),
            }),
          ],
  };
}

function simulated({ simulated: rows }: BenchResult): Section {
  return {
    id: 'simulated',
    title: 'The same models on a wafer and on GPUs',
    clock: 'simulated',
    blocks: [
      say(
        'Nothing in this section was measured. A model as small as these leaves most of such a machine idle.',
      ),
      show({
        caption: 'Simulated time, power and cost',
        columns: [
          'machine',
          'model',
          'tokens in, out',
          'users',
          'TTFT, ms',
          'TPOT, ms',
          'tokens/s per user',
          'tokens/s, all users',
          'kW',
          'J/token',
          '$/M generated tokens',
          'bound by',
        ],
        rows: rows.map((row) => {
          const tag = asTag(row.tag);
          const figure = (value: number): Figure => ({
            value,
            basis: machineAnchor(row.machine),
            ...(tag && { tag }),
          });
          return {
            header: `${row.count} x ${row.machine}`,
            cells: [
              row.model,
              `${row.promptTokens}, ${row.generatedTokens}`,
              { value: row.concurrency, basis: machineAnchor(row.machine) },
              ...[row.ttftMs, row.tpotMs, row.tokensPerSecondPerUser, row.tokensPerSecond].map(figure),
              ...[row.kilowatts, row.joulesPerToken, row.dollarsPerMTokens].map(figure),
              row.boundBy,
            ],
          };
        }),
      }),
    ],
  };
}
