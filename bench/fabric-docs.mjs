/**
 * Writes the figures of docs/fabric.md: cycles of GEMV and GEMM against P as SVG, and the table of closed forms
 * beside simulated cycles. Run from the repository root after `npm run build`:  node bench/fabric-docs.mjs && npm run format
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Rng } from '../dist/src/core/rng.js';
import { findProgram } from '../dist/src/fabric/programs/index.js';
import { simulate } from '../dist/src/fabric/simulate.js';
import { findWafer, waferNumbers } from '../dist/src/machine/wafers.js';
import * as forms from '../dist/src/timing/mesh/collectives.js';
import { predictMeshProgram } from '../dist/src/timing/mesh/programs.js';

const machine = findWafer('wse-2');

function run(name, width, height, elements) {
  const size = { machine, width, height, elements, type: 'f32' };
  const prepared = findProgram(name).prepare(size);
  prepared.load(new Rng(1));
  const { cycles } = simulate(prepared.mesh);
  if (!(prepared.maxAbsError() < 1e-3)) throw new Error(`${name} ${width}x${height}: wrong numbers`);
  const predicted = predictMeshProgram(name, size, waferNumbers(machine)) ?? prepared.modelCycles;
  console.error(
    `${name} ${width}x${height} ${elements}: ${cycles} cycles, closed form ${predicted.toFixed(0)}`,
  );
  return { cycles, predicted };
}

const COLORS = ['#1b6ca8', '#c2571a', '#4c8c2b', '#7a4fa3'];

/** A log-log line chart; `series` is {name, points: [[p, cycles]]}. */
function chart(title, series) {
  const [width, height, left, right, top, bottom] = [740, 440, 90, 150, 48, 52];
  const all = series.flatMap(({ points }) => points);
  const range = (values) => [Math.min(...values), Math.max(...values)];
  const [p0, p1] = range(all.map(([p]) => p));
  const [low, high] = range(all.map(([, c]) => c));
  const [c0, c1] = [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))];
  const x = (p) => left + ((width - left - right) * Math.log(p / p0)) / Math.log(p1 / p0);
  const y = (c) => height - bottom - ((height - top - bottom) * Math.log(c / c0)) / Math.log(c1 / c0);
  const text = (px, py, s, extra = '') =>
    `<text x="${px.toFixed(1)}" y="${py.toFixed(1)}" ${extra}>${s}</text>`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(left, 26, title, 'font-size="15" font-weight="bold"'),
  ];
  for (const [, value] of Object.entries(series[0].points.map(([p]) => p))) {
    parts.push(`<line x1="${x(value)}" x2="${x(value)}" y1="${top}" y2="${height - bottom}" stroke="#eee"/>`);
    parts.push(text(x(value), height - bottom + 18, value, 'text-anchor="middle"'));
  }
  for (let decade = c0; decade <= c1; decade *= 10) {
    for (const step of [1, 2, 5]) {
      const value = decade * step;
      if (value > c1) continue;
      parts.push(
        `<line x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}" stroke="#e4e4e4"/>`,
      );
      parts.push(text(left - 8, y(value) + 4, value.toLocaleString('en-US'), 'text-anchor="end"'));
    }
  }
  parts.push(
    text((left + width - right) / 2, height - 12, 'P (a square of P x P PEs)', 'text-anchor="middle"'),
  );
  parts.push(
    `<text transform="translate(16 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">cycles</text>`,
  );
  let labelled = 0;
  for (const [i, { name, points }] of series
    .toSorted((a, b) => b.points.at(-1)[1] - a.points.at(-1)[1])
    .entries()) {
    const color = COLORS[i % COLORS.length];
    const path = points.map(([p, c]) => `${x(p).toFixed(1)},${y(c).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2.5"/>`);
    for (const [p, c] of points)
      parts.push(`<circle cx="${x(p).toFixed(1)}" cy="${y(c).toFixed(1)}" r="3.5" fill="${color}"/>`);
    // Labels stand beside the last point, but never on one another.
    labelled = Math.max(labelled + 18, y(points.at(-1)[1]) + 4);
    parts.push(text(width - right + 12, labelled, name, `fill="${color}"`));
  }
  return `${parts.join('\n')}\n</svg>\n`;
}

function plot(file, title, names, sides, side) {
  const series = Object.entries(names).map(([name, label]) => ({
    name: label,
    points: sides.map((p) => [p, run(name, p, p, side).cycles]),
  }));
  writeFileSync(new URL(`../docs/${file}`, import.meta.url), chart(title, series));
  return series;
}

function table(rows) {
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  return [lines[0], `|${'---|'.repeat(rows[0].length)}`, ...lines.slice(1)].join('\n');
}

/** The published forms, by program; the generated reduce has the cost model that shaped it. */
const PUBLISHED = {
  broadcast: forms.broadcastCycles,
  'reduce-star': forms.starReduceCycles,
  'reduce-chain': forms.chainReduceCycles,
  'allreduce-ring': forms.ringAllreduceCycles,
  'allreduce-chain': forms.chainAllreduceCycles,
  'reduce-tree': forms.treeReduceCycles,
  'reduce-two-phase': forms.twoPhaseReduceCycles,
  'reduce-auto': null,
  'allreduce-ktree': forms.ktreeAllreduceCycles,
};

function collectives() {
  const sizes = [
    [4, 16],
    [16, 1],
    [16, 64],
    [64, 16],
    [64, 256],
    [128, 1024],
  ];
  const rows = [['program', ...sizes.map(([p, b]) => `P ${p}, B ${b}`)]];
  for (const [name, form] of Object.entries(PUBLISHED)) {
    const cells = sizes.map(([pes, wavelets]) => {
      const { cycles, predicted: modelled } = run(name, pes, 1, wavelets);
      const predicted = form?.({ pes, wavelets, rampLatencyCycles: 2 }) ?? modelled;
      return `${cycles} / ${predicted.toFixed(0)} (${(100 * (predicted / cycles - 1)).toFixed(1)} %)`;
    });
    rows.push([name, ...cells]);
  }
  return table(rows);
}

function programs() {
  const cases = [
    [
      'gemv',
      [
        [4, 32],
        [8, 64],
        [16, 64],
        [32, 128],
      ],
    ],
    [
      'gemv-chain',
      [
        [4, 32],
        [8, 64],
        [16, 64],
        [32, 128],
      ],
    ],
    [
      'gemm-summa',
      [
        [4, 16],
        [8, 32],
        [16, 32],
        [24, 48],
      ],
    ],
    [
      'gemm-cannon',
      [
        [4, 16],
        [8, 32],
        [16, 32],
        [24, 48],
      ],
    ],
    [
      'gemm-mesh',
      [
        [4, 16],
        [8, 32],
        [16, 32],
        [24, 48],
      ],
    ],
    [
      'gemm-t',
      [
        [4, 16],
        [8, 32],
        [16, 32],
        [24, 48],
      ],
    ],
    [
      'decode-layer',
      [
        [4, 64],
        [8, 64],
        [16, 128],
        [32, 128],
      ],
    ],
    [
      'prefill-layer',
      [
        [4, 16],
        [8, 32],
        [12, 24],
        [16, 32],
      ],
    ],
  ];
  const rows = [['program', 'P x P, size: simulated / closed form', '', '', '']];
  for (const [name, sizes] of cases) {
    const cells = sizes.map(([p, n]) => {
      const { cycles, predicted } = run(name, p, p, n);
      return `${p}, ${n}: ${cycles} / ${predicted.toFixed(0)} (${(100 * (predicted / cycles - 1)).toFixed(1)} %)`;
    });
    rows.push([name, ...cells]);
  }
  return table(rows);
}

/** One row per P: cycles of each program, and how many times faster the last one is than the others. */
function factors(series) {
  const rows = [
    [
      'P',
      ...series.map(({ name }) => name),
      ...series.slice(0, -1).map(({ name }) => `${name} / ${series.at(-1).name}`),
    ],
  ];
  for (const [i, [p]] of series[0].points.entries()) {
    const cycles = series.map(({ points }) => points[i][1]);
    rows.push([p, ...cycles, ...cycles.slice(0, -1).map((c) => (c / cycles.at(-1)).toFixed(2))]);
  }
  return table(rows);
}

function speedTable({ card, rows, plainOverFast, idle }) {
  const cells = rows.map(({ name, pes, elements, cycles, hops, wallMs, hopsPerSecond }) => [
    name,
    pes,
    elements,
    cycles,
    hops,
    wallMs.toFixed(1),
    (hopsPerSecond / 1e6).toFixed(1),
  ]);
  const head = ['program', 'PEs', 'B', 'cycles', 'hops', 'ms, measured', 'million hops/s, measured'];
  return [
    `Measured on ${card.cpu}, Node ${card.node}, one core of a busy two-core machine, median of ${card.rounds} runs:`,
    '',
    table([head, ...cells]),
    '',
    `The plain core takes ${plainOverFast.toFixed(1)} times as long as the fast one. One active row of 256 x 256 takes`,
    `${idle.ratio.toFixed(2)} times the row alone, ${idle.ratioWithAllRowsLaidOut.toFixed(2)} times with routes and buffers laid out in all rows.`,
  ].join('\n');
}

function fill(text, name, content) {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/fabric.md has no place for "${name}"`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

const gemv = plot(
  'fabric-gemv.svg',
  'y = A x, 512 x 512, f32, on WSE-2',
  { 'gemv-chain': 'chain and flood', gemv: 'MeshGEMV' },
  [8, 16, 32, 64, 96, 128],
  512,
);
const gemm = plot(
  'fabric-gemm.svg',
  'C = A B, 96 x 96, f32, on WSE-2',
  { 'gemm-summa': 'SUMMA', 'gemm-cannon': 'Cannon', 'gemm-mesh': 'MeshGEMM' },
  [4, 6, 8, 12, 16, 24, 32, 48],
  96,
);
const page = new URL('../docs/fabric.md', import.meta.url);
let text = readFileSync(page, 'utf8');
text = fill(text, 'collectives', collectives());
text = fill(text, 'programs', programs());
text = fill(text, 'gemv', factors(gemv));
text = fill(text, 'gemm', factors(gemm));
// Measured apart, on a machine that has nothing else to do:  node bench/fabric-speed.mjs --json > speed.json
const speed = process.argv[2] === undefined ? null : JSON.parse(readFileSync(process.argv[2], 'utf8'));
if (speed !== null) text = fill(text, 'speed', speedTable(speed));
writeFileSync(page, text);
