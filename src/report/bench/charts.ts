/** The charts of a bench. */
import type { BenchResult, Contender, MeasuredRow } from '../../bench/types.js';
import type { BarChart, XyChart, XySeries } from '../document/chart-types.js';
import { anchor } from '../document/document.js';
import { HOW } from './how.js';
import { CONTENDERS, caseName, contenderName } from './names.js';

const present = (result: BenchResult): Contender[] =>
  CONTENDERS.filter((contender) => result.measured.some((row) => row.contender === contender));

/** waferflow's speed over the others', case by case. */
export function ratioChart({ ratios }: BenchResult): BarChart | null {
  if (ratios.length === 0) return null;
  const categories = [...new Set(ratios.map((row) => caseName(row)))];
  const others = [...new Set(ratios.map(({ against }) => against))];
  return {
    kind: 'bars',
    id: 'ratio-chart',
    title: 'waferflow’s speed over the others’',
    categories,
    value: { label: 'times as fast' },
    series: others.map((other) => ({
      name: `over ${contenderName(other)}`,
      values: categories.map(
        (name) => ratios.find((row) => row.against === other && caseName(row) === name)?.ratio.median ?? null,
      ),
    })),
    // Far to the left of long bars the line would only hide names.
    limits: ratios.some(({ ratio }) => ratio.median > 10) ? [] : [{ axis: 'x', value: 1, label: 'as fast' }],
    basis: categories.map(() => HOW.ratio),
  };
}

/** Decode, one chart per model: cases down, contenders as bars. */
export function speedCharts(result: BenchResult): BarChart[] {
  const contenders = present(result);
  return result.models.flatMap(({ name }, at): BarChart[] => {
    const rows = result.measured.filter((row) => row.model === name && row.phase === 'decode');
    if (rows.length === 0) return [];
    const categories = [...new Set(rows.map((row) => caseName(row, false)))];
    const speed = (contender: Contender, category: string): number | null =>
      rows.find((row) => row.contender === contender && caseName(row, false) === category)?.tokensPerSecond
        .median ?? null;
    return [
      {
        kind: 'bars',
        id: anchor('speed', at),
        title: `${name}: decode`,
        categories,
        value: { label: 'tokens/s after the first' },
        series: contenders.map((contender) => ({
          name: contenderName(contender),
          values: categories.map((category) => speed(contender, category)),
        })),
        basis: categories.map(() => HOW.speed),
      },
    ];
  });
}

/** Percentiles of the waits between tokens of a single user. */
export function itlChart(result: BenchResult): BarChart | null {
  const rows = result.measured.flatMap((row) =>
    row.itlMs !== null && row.batch === 1 ? [{ row, itl: row.itlMs }] : [],
  );
  if (rows.length === 0) return null;
  return {
    kind: 'marks',
    id: 'itl-chart',
    title: 'Time between tokens',
    categories: rows.map(({ row }) => `${contenderName(row.contender)}, ${caseName(row)}`),
    value: { label: 'ms' },
    series: (['p50', 'p90', 'p99'] as const).map((name) => ({
      name,
      values: rows.map(({ itl }) => itl[name]),
    })),
    basis: rows.map(() => HOW.itl),
  };
}

/** Tokens per second over bytes per token, below the speed of this machine's memory. */
export function bandwidthChart(result: BenchResult): XyChart | null {
  const rows = result.measured.filter(
    (row): row is MeasuredRow & { bytesPerToken: number } => row.bytesPerToken !== null,
  );
  if (rows.length === 0) return null;
  const bytes = rows.map((row) => row.bytesPerToken);
  const [low, high] = [Math.min(...bytes) / 2, Math.max(...bytes) * 2];
  const ceilings = result.machine.bandwidth.map(
    ({ threads, gigabytesPerSecond }, at): XySeries => ({
      name: `${threads} thread${threads === 1 ? '' : 's'}: ${gigabytesPerSecond.toFixed(1)} GB/s`,
      points: [low, high].map((x) => ({ x, y: (gigabytesPerSecond * 1e9) / x })),
      look: 'plain',
      dashed: at > 0,
      colour: 7 - (at % 3),
      basis: HOW.bandwidth,
    }),
  );
  const points = CONTENDERS.flatMap((contender, colour): XySeries[] => {
    const own = rows.filter((row) => row.contender === contender);
    if (own.length === 0) return [];
    return [
      {
        name: contenderName(contender),
        points: own.map((row) => ({ x: row.bytesPerToken, y: row.tokensPerSecond.median })),
        look: 'points',
        colour,
        basis: HOW.speed,
      },
    ];
  });
  return {
    kind: 'xy',
    id: 'bandwidth-chart',
    title: 'Decode below the memory’s ceiling',
    x: { label: 'bytes read per token' },
    y: { label: 'tokens/s' },
    series: [...points, ...ceilings],
  };
}
