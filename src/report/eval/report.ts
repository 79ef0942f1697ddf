/** The report of `waferflow eval`: quality against tokens per second, measured here and simulated elsewhere. */
import { formatBytes } from '../../core/units.js';
import type { EvalModel, EvalResult, SuiteRow } from '../../eval/types.js';
import { basisIntro, machineAnchor, machineBasis, priceConstant } from '../basis.js';
import type { XyChart, XySeries } from '../document/chart-types.js';
import { type Block, type Report, type Section, say, show } from '../document/document.js';
import { formatDate } from '../document/format.js';
import { reportMarkdown } from '../document/markdown.js';
import { pageHtml } from '../document/page.js';
import { knownMachine } from '../machines.js';

export const evalHtml = (result: EvalResult): string => pageHtml(evalReport(result));
export const evalMarkdown = (result: EvalResult): string => reportMarkdown(evalReport(result));

const basis = { measured: 'how-speed', quality: 'how-quality' } as const;

/** What the metrics are called, and in which unit. */
const metrics: Readonly<Record<string, string>> = {
  exact: 'exactly the text that was there, or the right number',
  parses: 'parses as TypeScript',
  passes: 'the whole function passes its checks',
  bitsPerByte: 'bits per byte (fewer is better)',
  klNats: 'KL divergence to the base, nats per token (less is better)',
  sameTop: 'positions with the same likeliest token',
};

/** These are no shares. */
const plain = new Set(['bitsPerByte', 'klNats']);

function evalReport(result: EvalResult): Report {
  const { date, models, seed, samples, temperature } = result;
  return {
    title: 'Quality beside speed',
    lead: `${models.map(({ name }) => name).join(', ')}; ${formatDate(date)}; seed ${seed}, ${samples} samples of a task at temperature ${temperature}.`,
    sections: [quality(result), speed(result), setting(result), origins(result)],
  };
}

function quality(result: EvalResult): Section {
  const { suites, models, notes } = result;
  const rows = [...new Set(suites.map(({ suite, metric }) => `${suite} ${metric}`))].map((key) => {
    const of = (model: EvalModel): SuiteRow | undefined =>
      suites.find((row) => row.model === model.name && `${row.suite} ${row.metric}` === key);
    const { suite, metric, n } = suites.find((row) => `${row.suite} ${row.metric}` === key)!;
    return {
      header: `${suite}: ${metrics[metric] ?? metric}`,
      cells: [
        { value: n, basis: basis.quality },
        ...models.map((model) => ({
          value: of(model)?.value ?? null,
          basis: basis.quality,
          share: !plain.has(metric),
        })),
      ],
    };
  });
  return {
    id: 'quality',
    title: 'Quality',
    blocks: [
      ...charts(result),
      show({
        caption: 'Every suite',
        columns: ['suite and metric', 'n', ...models.map(({ name }) => name)],
        rows,
      }),
      ...(notes.length > 0 ? [{ kind: 'list' as const, items: notes }] : []),
    ],
  };
}

/** One chart for the leading metric of each suite: further right is faster, and each model is one colour. */
function charts(result: EvalResult): Block[] {
  const leading = new Map<string, SuiteRow>();
  for (const row of result.suites) if (!leading.has(row.suite)) leading.set(row.suite, row);
  return [...leading.values()].map(({ suite, metric }): Block => {
    return {
      kind: 'chart',
      chart: qualityChart(result, suite, metric),
      text: 'Tokens per second of one user against quality. Filled marks are this machine, measured; hollow ones are simulated.',
    };
  });
}

export function qualityChart({ models, suites }: EvalResult, suite: string, metric: string): XyChart {
  const share = !plain.has(metric);
  const series = models.flatMap((model, colour): XySeries[] => {
    const row = suites.find(
      (one) => one.model === model.name && one.suite === suite && one.metric === metric,
    );
    if (row === undefined) return [];
    const y = share ? row.value * 100 : row.value;
    return [
      {
        name: `${model.name}, measured here`,
        points: [{ x: model.measured.tokensPerSecond, y }],
        look: 'points',
        colour,
        basis: basis.measured,
      },
      ...model.simulated.map(
        ({ machine, tokensPerSecond }): XySeries => ({
          name: `${model.name}, simulated ${machine}`,
          points: [{ x: tokensPerSecond, y }],
          look: 'hollow',
          colour,
          basis: machineAnchor(machine),
        }),
      ),
    ];
  });
  return {
    kind: 'xy',
    id: `quality-${suite.replace(/[^\w]+/g, '-')}`,
    title: `${suite}: quality against speed`,
    x: { label: 'tokens/s of one user' },
    y: { label: share ? `${metric}, %` : metric, log: false },
    series,
  };
}

function speed({ models }: EvalResult): Section {
  return {
    id: 'speed',
    title: 'Speed of one user',
    blocks: [
      show({
        caption: 'Measured on this machine',
        columns: ['model', 'tokens/s'],
        rows: models.map(({ name, measured }) => ({
          header: name,
          cells: [{ value: measured.tokensPerSecond, basis: basis.measured }],
        })),
      }),
      show({
        caption: 'Simulated, never measured',
        columns: ['model', 'machine', 'bits of a weight', 'tokens/s'],
        rows: models.flatMap(({ name, simulated, weightBits }) =>
          simulated.map(({ machine, tokensPerSecond }) => ({
            header: name,
            cells: [
              machine,
              { value: weightBits, basis: machineAnchor(machine) },
              { value: tokensPerSecond, basis: machineAnchor(machine) },
            ],
          })),
        ),
      }),
    ],
  };
}

function setting({ command, models }: EvalResult): Section {
  return {
    id: 'setting',
    title: 'Models and how to repeat it',
    blocks: [
      { kind: 'command', command },
      show({
        caption: 'Models',
        columns: ['model', 'stored as', 'parameters', 'weights'],
        rows: models.map(({ name, weightType, parameters, fileBytes }) => ({
          header: name,
          cells: [weightType, { value: parameters }, formatBytes(fileBytes)],
        })),
      }),
    ],
  };
}

function origins({ models }: EvalResult): Section {
  const machines = [...new Set(models.flatMap(({ simulated }) => simulated.map(({ machine }) => machine)))];
  return {
    id: 'basis',
    title: 'What the numbers rest on',
    blocks: [
      { kind: 'heading', id: basis.quality, text: 'Quality' },
      say(
        'Drawn with a seed of its own for each text, so the same command gives the same texts. Programs run in an interpreter without files, network or clock, with limits on steps, memory and time; a program that meets a limit has failed.',
      ),
      { kind: 'heading', id: basis.measured, text: 'Measured speed' },
      say('Tokens after the first over the time since the first, one user alone, the median of three runs.'),
      ...basisIntro(),
      ...machines.flatMap((name) => {
        const machine = knownMachine(name);
        return machine === undefined ? [] : machineBasis(machine, priceConstant(machine, undefined));
      }),
    ],
  };
}
