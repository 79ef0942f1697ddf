/** The planner's pictures: speed against throughput, latency against users, and what a step waits for. */
import type { EChartsOption } from 'echarts';
import { useCallback } from 'preact/hooks';
import type { PlanResult } from '../../timing/estimate-types.js';
import { axis, Chart, type Palette } from '../ui/chart.js';
import { figure, plural } from '../ui/format.js';
import type { Slo, Sweep } from './ask/api.js';
import { machineLabel } from './ask/machines.js';

const grid = { left: 8, right: 24, top: 44, bottom: 36, containLabel: true };
const symbols = ['circle', 'rect', 'triangle'];

const legend = ({ text }: Palette) => ({ top: 0, left: 0, itemWidth: 18, textStyle: { color: text } });

function seriesName({ machine, points }: Sweep): string {
  return `${points[0]?.count ?? 0} × ${machineLabel(machine)}`;
}

/** The line of one machine. */
const curve = (sweep: Sweep, index: number) => ({
  name: seriesName(sweep),
  type: 'line' as const,
  symbol: symbols[index % symbols.length]!,
});

/** One line per machine over the users at once; `yOf` a point is in what `yAxis` says. */
function overUsers(
  palette: Palette,
  sweeps: readonly Sweep[],
  yAxis: string,
  yOf: (point: Sweep['points'][number]) => number | null,
  show: (y: number) => string,
) {
  return {
    grid,
    legend: legend(palette),
    tooltip: { trigger: 'axis' as const, valueFormatter: (value: unknown) => show(Number(value)) },
    xAxis: axis(palette, 'users at once', 'x', 'log'),
    yAxis: axis(palette, yAxis, 'y', 'log'),
    series: sweeps.map((sweep, index) => ({
      ...curve(sweep, index),
      symbolSize: 6,
      data: sweep.points.map((point) => [point.users, yOf(point)]),
    })),
  };
}

/** Interactivity against throughput per machine: every point is a number of users. */
export function Pareto({ sweeps, users }: { sweeps: readonly Sweep[]; users: number }) {
  const option = useCallback(
    (palette: Palette): EChartsOption => ({
      grid,
      legend: legend(palette),
      tooltip: {
        trigger: 'item',
        formatter: (item) => {
          const { seriesName = '', value } = Array.isArray(item) ? item[0]! : item;
          const [speed, throughput, users] = value as [number, number, number];
          return `${seriesName}, ${plural(users, 'user')}<br>${figure(speed)} tokens/s per user<br>${figure(throughput)} tokens/s per machine`;
        },
      },
      xAxis: axis(palette, 'tokens/s per user', 'x', 'log'),
      yAxis: axis(palette, 'tokens/s per machine', 'y', 'log'),
      series: sweeps.map((sweep, index) => ({
        ...curve(sweep, index),
        data: sweep.points.map(({ users: at, count, tokensPerSecondPerUser, tokensPerSecond }) => ({
          value: [tokensPerSecondPerUser, tokensPerSecond / count, at],
          symbolSize: at === users ? 14 : 6,
        })),
      })),
    }),
    [sweeps, users],
  );
  return <Chart label="Tokens per second per user against tokens per second per machine" option={option} />;
}

/** How long each further token takes as users are added, with the SLO as a line. */
export function Latency({ sweeps, slo }: { sweeps: readonly Sweep[]; slo: Slo }) {
  const option = useCallback(
    (palette: Palette): EChartsOption => {
      const lines = overUsers(
        palette,
        sweeps,
        'ms per further token',
        ({ tpotMs }) => tpotMs,
        (ms) => `${figure(ms)} ms`,
      );
      const [first, ...others] = lines.series;
      const markLine = {
        silent: true,
        symbol: 'none',
        lineStyle: { color: palette.muted, type: 'dashed' as const },
        label: { formatter: 'SLO', color: palette.muted, position: 'insideEndTop' as const },
        data: [{ yAxis: slo.tpotMs }],
      };
      return { ...lines, series: first === undefined ? [] : [{ ...first, markLine }, ...others] };
    },
    [sweeps, slo.tpotMs],
  );
  return <Chart label="Milliseconds per further token against users" option={option} />;
}

/** Dollars for a million tokens as users are added. */
export function Cost({ sweeps }: { sweeps: readonly Sweep[] }) {
  const option = useCallback(
    (palette: Palette): EChartsOption =>
      overUsers(
        palette,
        sweeps,
        '$ per million generated tokens',
        ({ dollarsPerMTokens }) => dollarsPerMTokens,
        (dollars) => `$${figure(dollars)}`,
      ),
    [sweeps],
  );
  return <Chart label="Dollars per million generated tokens against users" option={option} />;
}

const WAITS = [
  { name: 'compute', of: 'computeSeconds' },
  { name: 'memory', of: 'memorySeconds' },
  { name: 'fabric', of: 'fabricSeconds' },
  { name: 'latency', of: 'latencySeconds' },
  { name: 'I/O', of: 'ioSeconds' },
] as const;

/** What one decode step waits for, as shares: the parts overlap, so they are scaled to the step. */
export function Waits({ results }: { results: readonly PlanResult[] }) {
  const option = useCallback(
    (palette: Palette): EChartsOption => {
      const parts = results.map(({ decode }) => {
        const sums = WAITS.map(({ of }) => decode.ops.reduce((sum, op) => sum + (op[of] ?? 0), 0));
        const all = sums.reduce((sum, part) => sum + part, 0);
        return sums.map((part) => (100 * part) / all);
      });
      return {
        grid: { ...grid, bottom: 36 },
        legend: legend(palette),
        tooltip: { trigger: 'item', valueFormatter: (value) => `${figure(Number(value))} %` },
        xAxis: { ...axis(palette, '% of what one decode step waits for', 'x'), max: 100 },
        yAxis: {
          type: 'category',
          inverse: true,
          data: results.map(({ count, machine }) => `${count} × ${machineLabel(machine)}`),
          axisLine: { show: false },
          axisTick: { show: false },
          axisLabel: { color: palette.text },
        },
        series: WAITS.map(({ name }, index) => ({
          name,
          type: 'bar',
          stack: 'waits',
          barWidth: 26,
          data: parts.map((part) => part[index]!),
        })),
      };
    },
    [results],
  );
  return <Chart label="What one decode step waits for, by machine" height={200} option={option} />;
}
