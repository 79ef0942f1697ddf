/**
 * One decode step of one layer of Llama-3-8B on the published grids, its cycles simulated line by line, beside the closed
 * form and beside the rates of WaferLLM (He et al., OSDI 2025, WSE-2 at 1.1 GHz, 32 layers, a context of 4096). Writes the
 * table of docs/fabric.md. Run after `npm run build`:  node bench/whole-wafer.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { column, row } from '../dist/src/fabric/collectives/line.js';
import { compile } from '../dist/src/fabric/cores/tables.js';
import { Mesh } from '../dist/src/fabric/mesh.js';
import { bothAxes, layLine } from '../dist/src/fabric/programs/by-lines.js';
import { DECODE_LAYER } from '../dist/src/fabric/programs/decode.js';
import { findWafer, waferNumbers } from '../dist/src/machine/wafers.js';
import { predictMeshProgram } from '../dist/src/timing/mesh/programs.js';

const PUBLISHED = [
  { side: 420, tokensPerSecond: 2699.9 },
  { side: 540, tokensPerSecond: 2501.5 },
  { side: 660, tokensPerSecond: 2243.3 },
];
const LAYERS = 32;

const machine = findWafer('wse-2');
const numbers = waferNumbers(machine);
const rows = PUBLISHED.map(({ side, tokensPerSecond }) => {
  const size = {
    machine,
    width: side,
    height: side,
    elements: 4096,
    ffn: 14336,
    context: 4096,
    type: 'f16',
  };
  const start = process.cpuUsage();
  const { cycles, lines, simulated } = DECODE_LAYER.cycles(size);
  const { user, system } = process.cpuUsage(start);
  const seconds = (user + system) / 1e6;
  const form = predictMeshProgram('decode-layer', size, numbers);
  const published = numbers.clockHz / tokensPerSecond / LAYERS;
  const share = (value) => `${value >= 0 ? '+' : ''}${(100 * value).toFixed(1)} %`;
  const row = [
    `${side} x ${side}`,
    String(cycles),
    `${Math.round(form)} (${share(form / cycles - 1)})`,
    `${Math.round(published)} (${share(published / cycles - 1)})`,
    `${simulated} of ${lines}`,
    seconds.toFixed(0),
  ];
  console.log(row.join(' | '));
  return row;
});
const head = ['PEs', 'cycles', 'closed form', 'published', 'lines simulated', 'CPU s, measured'];
const width = head.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c].length)));
const line = (cells) => `| ${cells.map((cell, c) => cell.padEnd(width[c])).join(' | ')} |`;
const table = [line(head), line(width.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n');
const file = new URL('../docs/fabric.md', import.meta.url);
const [begin, end] = ['<!-- whole-wafer: begin -->', '<!-- whole-wafer: end -->'];
const text = readFileSync(file, 'utf8');
const note = `Measured on ${cpus()[0]?.model}, Node ${process.version}:`;
writeFileSync(
  file,
  `${text.slice(0, text.indexOf(begin) + begin.length)}\n\n${note}\n\n${table}\n\n${text.slice(text.indexOf(end))}`,
);

// All of the usable fabric with the routes of both all-reduces, checked and numbered for a run.
const started = process.cpuUsage();
const whole = new Mesh(machine, { width: numbers.usableColumns, height: numbers.usableRows });
const axes = bothAxes(whole, whole);
for (let y = 0; y < whole.height; y++) layLine(row(whole, y), 'x', axes);
for (let x = 0; x < whole.width; x++) layLine(column(whole, x), 'y', axes);
for (let y = 0; y < whole.height; y++) {
  for (let x = 0; x < whole.width; x++) {
    const pe = whole.pe({ x, y });
    pe.buffer('data', 'f16', 44);
    pe.main = function* () {};
  }
}
whole.check();
const { queues } = compile(whole);
const { user } = process.cpuUsage(started);
console.log(
  `${whole.width} x ${whole.height} PEs: ${whole.routeCount} routes and ${queues.count} queues laid out in ${(user / 1e6).toFixed(1)} s of CPU, ${(process.memoryUsage().rss / 2 ** 30).toFixed(1)} GB`,
);
