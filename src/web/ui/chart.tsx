/** A chart in the page's colours; what it shows stands in a table or in its label as well. */
import type { EChartsOption } from 'echarts';
import type { EChartsType } from 'echarts/core';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { isDark, reducedMotion } from '../theme.js';
import { Notice } from './notice.js';

export interface Palette {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  /** For wafers and for GPUs, then further ones: three to one against the background. */
  readonly series: readonly string[];
}

/** The colours of style.css and of the reports, for what CSS cannot reach. */
const palettes: Readonly<Record<'light' | 'dark', Palette>> = {
  light: {
    text: '#1b1f24',
    muted: '#59636e',
    line: '#d9dde2',
    series: ['#005f96', '#b26200', '#00795a', '#a8487f', '#59636e'],
  },
  dark: {
    text: '#e6e8eb',
    muted: '#a3abb4',
    line: '#343a42',
    series: ['#6cbcf0', '#e69f00', '#35c49a', '#e08fbb', '#a3abb4'],
  },
};

interface ChartProps {
  /** What a person who does not see it should know. */
  readonly label: string;
  readonly height?: number;
  readonly option: (palette: Palette) => EChartsOption;
}

export function Chart({ label, height = 300, option }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<EChartsType | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let made: EChartsType | null = null;
    let isGone = false;
    const resize = new ResizeObserver(() => made?.resize());
    import('./echarts.js').then(
      ({ init }) => {
        if (isGone || box.current === null) return;
        made = init(box.current, null, { renderer: 'svg' });
        resize.observe(box.current);
        setChart(made);
      },
      (error: unknown) => setProblem(messageOf(error)),
    );
    return () => {
      isGone = true;
      resize.disconnect();
      made?.dispose();
    };
  }, []);
  const palette = palettes[isDark.value ? 'dark' : 'light'];
  useEffect(() => {
    if (chart === null) return;
    const { series, text } = palette;
    chart.setOption(
      {
        color: [...series],
        textStyle: { color: text, fontFamily: 'system-ui, sans-serif', fontSize: 12 },
        // Charts follow the sliders at once.
        animation: !reducedMotion.value,
        animationDuration: 0,
        animationDurationUpdate: 160,
        ...option(palette),
      },
      { replaceMerge: ['series'] },
    );
  }, [chart, option, palette]);
  if (problem !== null) return <Notice kind="bad">The chart could not be fetched: {problem}</Notice>;
  return <div ref={box} class="chart" role="img" aria-label={label} style={{ height: `${height}px` }} />;
}

/** A value axis in the page's look. */
export function axis(
  { muted, line }: Palette,
  name: string,
  side: 'x' | 'y',
  type: 'value' | 'log' = 'value',
): Record<string, unknown> {
  return {
    type,
    name,
    nameLocation: side === 'x' ? 'middle' : 'end',
    nameGap: side === 'x' ? 28 : 14,
    nameTextStyle: { color: muted, align: side === 'x' ? 'center' : 'left' },
    axisLabel: { color: muted, hideOverlap: true },
    axisLine: { show: side === 'x', lineStyle: { color: line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: line, opacity: 0.6 } },
    minorSplitLine: { show: false },
  };
}
