/** A roofline plot: how much arithmetic each phase does per byte it moves, and how near the machine's roof it runs. */
import type { PlanResult } from '../timing/planTypes.js';
import type { StepCost } from '../timing/workload.js';
import { at, COLOURS, svgDocument, svgText } from './svg.js';

const WIDTH = 640;
const HEIGHT = 380;
const LEFT = 70;
const RIGHT = 150;
const TOP = 40;
const BOTTOM = 50;

interface Point {
  readonly intensity: number;
  readonly rate: number;
  readonly label: string;
}

/** FLOPs per byte and FLOPs per second of a step on one machine. */
function pointOf(step: StepCost, machines: number, perMachine: boolean, label: string): Point {
  const flops = step.ops.reduce((sum, op) => sum + op.flops, 0);
  const bytes = step.ops.reduce((sum, op) => sum + op.bytes, 0);
  return { intensity: flops / bytes, rate: flops / step.seconds / (perMachine ? 1 : machines), label };
}

/** The plot of one or several results as a standalone SVG document. */
export function rooflineSvg(results: readonly PlanResult[]): string {
  const series = results.map((result) => ({
    result,
    // A GPU's ops are those of one GPU already; a wafer's are those of all wafers.
    points: [
      pointOf(result.decode, result.count, result.kind === 'gpu', 'decode'),
      pointOf(result.prefill, result.count, result.kind === 'gpu', 'prefill'),
    ],
  }));
  const xs = series.flatMap(({ result, points }) => [
    ...points.map((p) => p.intensity),
    result.peakFlops / result.peakBytesPerSecond,
  ]);
  const ys = series.flatMap(({ result, points }) => [...points.map((p) => p.rate), result.peakFlops]);
  const x = scale(xs, LEFT, WIDTH - RIGHT);
  const y = scale(ys, HEIGHT - BOTTOM, TOP);
  const body = [
    svgText({ x: LEFT, y: 22, text: 'Roofline, per machine (simulated)', size: 15 }),
    ...axis(x, y),
  ];
  series.forEach(({ result, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const ridge = result.peakFlops / result.peakBytesPerSecond;
    const low = 10 ** x.from;
    const roof = [
      [x.at(low), y.at(low * result.peakBytesPerSecond)],
      [x.at(ridge), y.at(result.peakFlops)],
      [x.at(10 ** x.to), y.at(result.peakFlops)],
    ]
      .map(([px, py]) => `${at(px!)},${at(Math.min(py!, HEIGHT - BOTTOM))}`)
      .join(' ');
    body.push(`<polyline points="${roof}" fill="none" stroke="${colour}" stroke-width="1.5"/>`);
    for (const point of points) {
      const [px, py] = [x.at(point.intensity), y.at(point.rate)];
      body.push(
        point.label === 'decode'
          ? `<circle cx="${at(px)}" cy="${at(py)}" r="5" fill="${colour}"/>`
          : `<rect x="${at(px - 5)}" y="${at(py - 5)}" width="10" height="10" fill="${colour}"/>`,
        svgText({ x: px + 9, y: py + 4, text: point.label, size: 11 }),
      );
    }
    body.push(
      `<rect x="${WIDTH - RIGHT + 24}" y="${TOP + index * 20}" width="12" height="12" fill="${colour}"/>`,
      svgText({
        x: WIDTH - RIGHT + 42,
        y: TOP + 10 + index * 20,
        text: `${result.count} x ${result.machine}`,
      }),
    );
  });
  return svgDocument(WIDTH, HEIGHT, 'Roofline', body);
}

interface Scale {
  readonly from: number;
  readonly to: number;
  readonly at: (value: number) => number;
}

/** A logarithmic scale over whole decades. */
function scale(values: readonly number[], start: number, end: number): Scale {
  const logs = values.map(Math.log10);
  const from = Math.floor(Math.min(...logs) - 0.2);
  const to = Math.ceil(Math.max(...logs) + 0.2);
  return { from, to, at: (value) => start + ((Math.log10(value) - from) / (to - from)) * (end - start) };
}

function axis(x: Scale, y: Scale): string[] {
  const shapes: string[] = [];
  const line = (x1: number, y1: number, x2: number, y2: number): string =>
    `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="currentColor" stroke-opacity="0.18"/>`;
  for (let decade = x.from; decade <= x.to; decade++) {
    const px = x.at(10 ** decade);
    shapes.push(line(px, TOP, px, HEIGHT - BOTTOM));
    shapes.push(
      svgText({
        x: px,
        y: HEIGHT - BOTTOM + 16,
        text: power(decade),
        size: 11,
        anchor: 'middle',
        muted: true,
      }),
    );
  }
  for (let decade = y.from; decade <= y.to; decade++) {
    const py = y.at(10 ** decade);
    shapes.push(line(LEFT, py, WIDTH - RIGHT, py));
    shapes.push(
      svgText({ x: LEFT - 8, y: py + 4, text: power(decade), size: 11, anchor: 'end', muted: true }),
    );
  }
  shapes.push(
    svgText({ x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 12, text: 'FLOP per byte', anchor: 'middle' }),
  );
  shapes.push(
    `<g transform="translate(16 ${at((TOP + HEIGHT - BOTTOM) / 2)}) rotate(-90)">${svgText({ x: 0, y: 0, text: 'FLOP per second', anchor: 'middle' })}</g>`,
  );
  return shapes;
}

/** 10^15 as 1e15, and the small ones as plain numbers. */
function power(decade: number): string {
  return decade >= -2 && decade <= 4 ? String(Number((10 ** decade).toPrecision(1))) : `1e${decade}`;
}
