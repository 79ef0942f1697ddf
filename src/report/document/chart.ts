/** Charts as SVG text by ECharts, without a browser: the only file that knows that library. */
import { BarChart as Bars, LineChart as Lines, ScatterChart as Scatter } from 'echarts/charts';
import { GridComponent, MarkLineComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Axis, BarChart, Chart, Limit, XyChart, XySeries } from './chart-types.js';
import { formatFigure } from './format.js';
import { escapeMarkup } from './svg.js';

use([Bars, Lines, Scatter, GridComponent, MarkLineComponent, SVGRenderer]);

/** Values that span more than this factor need a logarithmic axis to be told apart. */
const LOG_SPAN = 30;
/** Colours are variables of the page, so that light, dark and print each have their own. */
export const SERIES_COLOURS = 8;
export const colourOf = (index: number): string => `var(--s${(index % SERIES_COLOURS) + 1})`;
const SYMBOLS = [
  'circle',
  'rect',
  'triangle',
  'diamond',
  'roundRect',
  'pin',
  'arrow',
  'emptyCircle',
] as const;
/** The same order as {@link SYMBOLS}, for a legend in text: a path in a box of 12 by 12. */
export const SYMBOL_PATHS = [
  'M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10z',
  'M1.5 1.5h9v9h-9z',
  'M6 1l5 10H1z',
  'M6 .5L11.5 6L6 11.5L.5 6z',
  'M3 1.5h6q1.5 0 1.5 1.5v6q0 1.5-1.5 1.5H3q-1.5 0-1.5-1.5V3q0-1.5 1.5-1.5z',
  'M6 11.5C4 8 2 6.500 2 4.500a4 4 0 0 1 8 0C10 6.500 8 8 6 11.500z',
  'M6 1l5 10l-5-3l-5 3z',
  'M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zm0 2a3 3 0 1 1 0 6a3 3 0 1 1 0-6z',
] as const;

/** Text that a line may cross keeps a rim of paper. */
const RIM = { textBorderColor: 'var(--paper)', textBorderWidth: 3 };
const TEXT = { color: 'currentColor', fontSize: 12, fontFamily: 'system-ui, sans-serif' };
const GRID_LINE = { lineStyle: { color: 'currentColor', opacity: 0.15 } };

/** The chart as one SVG element of that width, labelled for those who cannot see it. */
export function chartSvg(chart: Chart, width: number): string {
  const height = chart.kind === 'xy' ? Math.round(Math.min(400, width * 0.75)) : barHeight(chart);
  const instance = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    instance.setOption(chart.kind === 'xy' ? xyOption(chart) : barOption(chart, width));
    return cleaned(instance.renderToSVGString(), `${chart.id}-${width}`, chart.title);
  } finally {
    instance.dispose();
  }
}

/** Without scripts no mouse: hover rules and data hooks go; ids become those of the chart, the same on every run. */
function cleaned(svg: string, id: string, title: string): string {
  return svg
    .replace(/<style\s*>[\s\S]*?<\/style>\n?/g, '')
    .replace(
      / (?:class="[^"]*"|ecmeta_\w+="[^"]*"|pointer-events="[^"]*"|baseProfile="full"|version="1\.1")/g,
      '',
    )
    .replace(/zr\d+-/g, `${id}-`)
    .replace(/<rect width="\d+" height="\d+" x="0" y="0" fill="none"><\/rect>\n?/, '')
    .replace(/^<svg width="\d+" height="\d+"/, `<svg role="img" aria-label="${escapeMarkup(title)}"`);
}

function spans(values: readonly number[]): boolean {
  const positive = values.filter((value) => value > 0);
  return positive.length === values.length && Math.max(...positive) > LOG_SPAN * Math.min(...positive);
}

function axisOption(
  axis: Axis,
  values: readonly number[],
  limits: readonly number[],
  where: 'x' | 'y',
): Record<string, unknown> {
  const all = [...values, ...limits];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const log = (axis.log ?? true) && all.length > 1 && spans(all);
  return {
    type: log ? 'log' : 'value',
    ...(log
      ? { min: niceBelow(low), max: niceAbove(high) }
      : { min: Math.min(0, low), ...(limits.includes(high) && { max: high }) }),
    name: axis.label,
    nameLocation: where === 'x' ? 'middle' : 'end',
    nameGap: where === 'x' ? 26 : 14,
    nameTextStyle: where === 'x' ? TEXT : { ...TEXT, align: 'left', padding: [0, 0, 0, -24] },
    axisLine: { show: where === 'x', lineStyle: { color: 'currentColor', opacity: 0.6 } },
    axisTick: { show: false },
    axisLabel: { ...TEXT, hideOverlap: true, formatter: (value: number) => shortNumber(value) },
    splitLine: GRID_LINE,
    splitNumber: 4,
  };
}

/** The next power of ten outward, so that every log axis begins and ends at a label. */
const niceBelow = (value: number): number => 10 ** Math.floor(Math.log10(value));
const niceAbove = (value: number): number => 10 ** Math.ceil(Math.log10(value) - 1e-9);

const PREFIXES = [
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Axis labels in the SI's steps: 20k, 1.5M. */
function shortNumber(value: number): string {
  const [size, prefix] = PREFIXES.find(([from]) => Math.abs(value) >= from) ?? [1, ''];
  return `${formatFigure(Number((value / size).toPrecision(4)))}${prefix}`;
}

/** `reversed`: the y axis runs downward, and with it the lines, whose names belong on top. */
function limitLine(limits: readonly Limit[] | undefined, reversed = false): Record<string, unknown> {
  if (limits === undefined || limits.length === 0) return {};
  return {
    markLine: {
      symbol: 'none',
      silent: true,
      lineStyle: { color: 'var(--limit)', type: 'dashed', width: 1.5 },
      data: limits.map(({ axis, value, label }) => ({
        [axis === 'x' ? 'xAxis' : 'yAxis']: value,
        label: {
          ...TEXT,
          color: 'var(--limit)',
          textBorderWidth: 0,
          formatter: label,
          position: axis === 'x' ? (reversed ? 'start' : 'end') : 'insideEndTop',
        },
      })),
    },
  };
}

const isScatter = ({ look }: XySeries): boolean => look === 'points' || look === 'hollow';

function xyOption({ x, y, series, limits }: XyChart): EChartsCoreOption {
  const points = series.flatMap((entry) => entry.points);
  const reach = (axis: 'x' | 'y'): number[] =>
    (limits ?? []).filter((l) => l.axis === axis).map((l) => l.value);
  return {
    animation: false,
    textStyle: TEXT,
    grid: {
      left: 6,
      right: 22,
      top: 34,
      bottom: 26,
      outerBoundsMode: 'same',
      outerBoundsContain: 'axisLabel',
    },
    xAxis: axisOption(
      x,
      points.map((p) => p.x),
      reach('x'),
      'x',
    ),
    yAxis: axisOption(
      y,
      points.map((p) => p.y),
      reach('y'),
      'y',
    ),
    series: series.map((entry, index) => ({
      type: isScatter(entry) ? 'scatter' : 'line',
      name: entry.name,
      data: entry.points.map((point) => [point.x, point.y]),
      showSymbol: entry.look !== 'plain',
      symbol: entry.look === 'plain' ? 'none' : SYMBOLS[entry.colour % SYMBOLS.length],
      symbolSize: isScatter(entry) ? 10 : 7,
      itemStyle: {
        color: entry.look === 'hollow' ? 'var(--paper)' : colourOf(entry.colour),
        borderColor: colourOf(entry.colour),
        borderWidth: entry.look === 'hollow' ? 2 : 0,
        opacity: 1,
      },
      lineStyle: { color: colourOf(entry.colour), width: 2, type: entry.dashed ? 'dashed' : 'solid' },
      ...(index === 0 ? limitLine(limits) : {}),
    })),
  };
}

const BAR = 14;
const BAR_GAP = 2;
/** Room for a category's name, which stands above its bars: beside them it would be cut on a phone. */
const NAME = 20;

function bandHeight({ kind, series }: BarChart): number {
  const bars = kind === 'bars' ? series.length : 1;
  return bars * BAR + (bars - 1) * BAR_GAP;
}

function barHeight(chart: BarChart): number {
  return 84 + chart.categories.length * (bandHeight(chart) + 2 * NAME);
}

function barOption(chart: BarChart, width: number): EChartsCoreOption {
  const { kind, categories, value, series, limits } = chart;
  const values = series.flatMap((entry) => entry.values.filter((v): v is number => v !== null));
  const sums =
    kind === 'stack'
      ? categories.map((_, i) => series.reduce((sum, s) => sum + (s.values[i] ?? 0), 0))
      : values;
  const lines = (limits ?? []).map((limit) => limit.value);
  return {
    animation: false,
    textStyle: TEXT,
    grid: {
      left: 10,
      right: kind === 'bars' ? 52 : 24,
      top: 26,
      bottom: 30,
      outerBoundsMode: 'same',
      outerBoundsContain: 'axisLabel',
    },
    // A bar has a length and so must begin at 0; a mark only has a place.
    xAxis: axisOption({ ...value, log: kind === 'marks' }, sums.length > 0 ? sums : [1], lines, 'x'),
    yAxis: {
      type: 'category',
      inverse: true,
      data: [...categories],
      axisLine: { lineStyle: { color: 'currentColor', opacity: 0.6 } },
      axisTick: { show: false },
      axisLabel: {
        ...TEXT,
        ...RIM,
        interval: 0,
        inside: true,
        margin: 4,
        align: 'left',
        verticalAlign: 'bottom',
        padding: [0, 0, bandHeight(chart) / 2 + 3, 0],
        width: Math.round(width * 0.8),
        overflow: 'truncate',
      },
      z: 3,
    },
    series: series.map((entry, index) => ({
      type: kind === 'marks' ? 'scatter' : 'bar',
      name: entry.name,
      ...(kind === 'stack' && { stack: 'all' }),
      data: entry.values.flatMap((v, at): (number | null | number[])[] =>
        kind === 'marks' ? (v === null ? [] : [[v, at]]) : [v],
      ),
      barWidth: BAR,
      barGap: `${(BAR_GAP / BAR) * 100}%`,
      symbol: SYMBOLS[index % SYMBOLS.length],
      symbolSize: 10,
      itemStyle: { color: colourOf(index), opacity: 1 },
      label: {
        show: kind === 'bars',
        position: 'right',
        ...TEXT,
        ...RIM,
        formatter: ({ value: v }: { value: number | null }) => (v === null ? '' : formatFigure(v)),
      },
      ...(index === 0 ? limitLine(limits, true) : {}),
    })),
  };
}
