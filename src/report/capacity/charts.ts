/** The charts of a capacity search. Machines keep their colour from chart to chart: the order of the answers. */
import type { CapacityAnswer, CapacityResult, FrontierPoint } from '../../fleet/types.js';
import type { BarChart, XyChart, XySeries } from '../document/chart-types.js';
import { costAnchor, groundOf } from './basis.js';

function frontierSeries(result: CapacityResult, y: (point: FrontierPoint) => number): XySeries[] {
  return result.answers.flatMap((answer, colour): XySeries[] => {
    const points = result.frontier
      .filter(({ machine, onFrontier }) => machine === answer.machine && onFrontier)
      .map((point) => ({ x: point.tokensPerSecondPerUser, y: y(point) }))
      .sort((a, b) => a.x - b.x);
    if (points.length === 0) return [];
    return [{ name: answer.title, points, look: 'line', colour, basis: groundOf(answer, 'time') }];
  });
}

export function frontierChart(result: CapacityResult): XyChart | null {
  const series = frontierSeries(result, (point) => point.tokensPerSecondPerMachine);
  if (series.length === 0) return null;
  return {
    kind: 'xy',
    id: 'frontier-chart',
    title: 'Tokens per second and machine',
    x: { label: 'tokens/s per user' },
    y: { label: 'tokens/s per machine' },
    series,
  };
}

export function costCurve(result: CapacityResult): XyChart | null {
  const series = frontierSeries(result, (point) => point.dollarsPerMTokens);
  if (series.length === 0) return null;
  return {
    kind: 'xy',
    id: 'cost-curve',
    title: 'Cost of generated tokens',
    x: { label: 'tokens/s per user' },
    y: { label: '$ per million generated tokens' },
    series,
  };
}

/** Answers for which something ran. */
const ran = ({ answers }: CapacityResult): CapacityAnswer[] =>
  answers.filter(({ result }) => result !== null);

export function latencyChart(result: CapacityResult, metric: 'ttft' | 'tpot'): BarChart | null {
  const rows = ran(result).flatMap((answer) => {
    const tiers = answer.result?.tiers ?? [];
    const tier = tiers.find(({ tier: name }) => name === 'interactive') ?? tiers[0];
    return tier ? [{ answer, summary: metric === 'ttft' ? tier.ttftMs : tier.tpotMs }] : [];
  });
  if (rows.length === 0) return null;
  const limit = metric === 'ttft' ? result.slo.ttftMs : result.slo.tpotMs;
  return {
    kind: 'marks',
    id: `${metric}-chart`,
    title: metric === 'ttft' ? 'Time to the first token' : 'Time per token after the first',
    categories: rows.map(({ answer }) => answer.title),
    value: { label: 'ms' },
    series: (['p50', 'p90', 'p95', 'p99'] as const).map((name) => ({
      name,
      values: rows.map(({ summary }) => (summary.count === 0 ? null : summary[name])),
    })),
    limits: limit === undefined ? [] : [{ axis: 'x', value: limit, label: `limit ${limit} ms` }],
    basis: rows.map(({ answer }) => groundOf(answer, 'time')),
  };
}

export function costChart(result: CapacityResult, of: 'cost' | 'energy'): BarChart | null {
  const rows = ran(result);
  if (rows.length === 0) return null;
  const [title, label] =
    of === 'cost'
      ? ['Cost of the answer', '$ per million generated tokens']
      : ['Energy of the answer', 'J per generated token'];
  return {
    kind: 'bars',
    id: `answer-${of}`,
    title,
    categories: rows.map((answer) => `${answer.count} x ${answer.machine}`),
    value: { label },
    series: [
      {
        name: label,
        values: rows.map((answer) => (of === 'cost' ? answer.costPerMTokens : answer.joulesPerToken)),
      },
    ],
    basis: rows.map((answer) => (of === 'cost' ? costAnchor(answer) : groundOf(answer, 'energy'))),
  };
}

export function kvChart(result: CapacityResult): BarChart | null {
  const rows = ran(result);
  if (rows.length === 0) return null;
  const percent = (value: number | undefined): number | null => (value === undefined ? null : value * 100);
  return {
    kind: 'bars',
    id: 'kv-chart',
    title: 'KV memory in use',
    categories: rows.map((answer) => `${answer.count} x ${answer.machine}`),
    value: { label: '% of the KV memory' },
    series: [
      { name: 'mean', values: rows.map(({ result: r }) => percent(r?.kvOccupancy)) },
      { name: 'peak', values: rows.map(({ result: r }) => percent(r?.kvOccupancyPeak)) },
    ],
    limits: [{ axis: 'x', value: 100, label: 'full' }],
    basis: rows.map((answer) => groundOf(answer, 'memory')),
  };
}

/** Per cent of the KV memory from which on the line of all there is helps. */
const NEAR_FULL = 25;

/** KV occupancy over time, where the simulation kept it. */
export function kvTimeline(result: CapacityResult): XyChart | null {
  const series = result.answers.flatMap((answer, colour): XySeries[] => {
    const timeline = answer.result?.timeline ?? [];
    if (timeline.length === 0) return [];
    return [
      {
        name: answer.title,
        points: timeline.map(({ seconds, kvOccupancy }) => ({ x: seconds, y: kvOccupancy * 100 })),
        look: 'plain',
        colour,
        basis: groundOf(answer, 'memory'),
      },
    ];
  });
  if (series.length === 0) return null;
  const highest = Math.max(...series.flatMap(({ points }) => points.map(({ y }) => y)));
  return {
    kind: 'xy',
    id: 'kv-timeline',
    title: 'KV memory over time',
    x: { label: 'seconds since the first arrival', log: false },
    y: { label: '% of the KV memory', log: false },
    series,
    // Far above all lines it would only press them down.
    limits: highest > NEAR_FULL ? [{ axis: 'y', value: 100, label: 'full' }] : [],
  };
}

export function taskChart(result: CapacityResult): BarChart | null {
  const rows = ran(result).flatMap((answer) =>
    answer.result?.tasks ? [{ answer, tasks: answer.result.tasks }] : [],
  );
  if (rows.length === 0) return null;
  return {
    kind: 'stack',
    id: 'task-chart',
    title: 'Where the time of a task goes',
    categories: rows.map(({ answer }) => answer.title),
    value: { label: 'seconds per task' },
    series: (
      [
        ['first tokens', 'meanFirstTokenMs'],
        ['further tokens', 'meanDecodeMs'],
        ['tools', 'meanToolMs'],
        ['person', 'meanThinkMs'],
      ] as const
    ).map(([name, key]) => ({ name, values: rows.map(({ tasks }) => tasks[key] / 1e3) })),
    basis: rows.map(({ answer }) => groundOf(answer, 'time')),
  };
}
