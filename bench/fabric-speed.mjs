/**
 * How fast the fabric simulates, in wavelet-hops and PE-cycles per second of one core, and what idle PEs cost. Run after
 * `npm run build`:  node bench/fabric-speed.mjs [--json]
 */
import { cpus } from 'node:os';
import { Rng } from '../dist/src/core/rng.js';
import { Mesh } from '../dist/src/fabric/mesh.js';
import { findProgram } from '../dist/src/fabric/programs/index.js';
import { simulate } from '../dist/src/fabric/simulate.js';
import { findWafer } from '../dist/src/machine/wafers.js';

const machine = findWafer('desk');
const ROUNDS = 5;
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Median time over fresh programs; the first round warms up and does not count. */
function time(prepare, core) {
  const times = [];
  let result;
  for (let round = 0; round <= ROUNDS; round++) {
    const mesh = prepare();
    const start = performance.now();
    result = simulate(mesh, { core });
    if (round > 0) times.push(performance.now() - start);
  }
  const peCycles = result.cycles * prepare().workers().length;
  return { wallMs: median(times), cycles: result.cycles, hops: result.hops, peCycles };
}

function program(name, width, height, elements) {
  return () => {
    const prepared = findProgram(name).prepare({ machine, width, height, elements, type: 'f32' });
    prepared.load(new Rng(1));
    return prepared.mesh;
  };
}

/** A flood in the first row of a 256-wide rectangle; with `laidOut` all other rows have routes and buffers too. */
function oneActiveRow(height, laidOut) {
  return () => {
    const mesh = new Mesh(machine, { width: 256, height });
    const flood = mesh.color('flood');
    for (let y = 0; y < (laidOut ? height : 1); y++) {
      for (let x = 0; x < 256; x++) {
        mesh.route({ x, y }, flood, {
          rx: [x === 0 ? 'RAMP' : 'WEST'],
          tx: x === 0 ? ['EAST'] : x === 255 ? ['RAMP'] : ['EAST', 'RAMP'],
        });
        const pe = mesh.pe({ x, y });
        const view = pe.buffer('data', 'f32', y === 0 ? 10_000 : 1).view();
        if (y > 0) continue;
        pe.main = function* () {
          yield x === 0 ? pe.send(flood, view) : pe.receive(flood, view);
        };
      }
    }
    // The host has checked the layout and loaded its data before the run.
    void mesh.memory;
    return mesh;
  };
}

const rows = [];
for (const [name, width, height, elements] of [
  ['broadcast', 64, 64, 8000],
  ['hand-over', 64, 64, 8000],
  ['reduce-star', 128, 1, 1024],
  ['reduce-chain', 256, 1, 10000],
  ['allreduce-ktree', 32, 32, 8000],
  ['allreduce-ktree', 32, 32, 128],
  ['allreduce-ring', 32, 1, 8192],
  ['gemm-mesh', 16, 16, 64],
  ['decode-layer', 16, 16, 128],
]) {
  const { wallMs, cycles, hops, peCycles } = time(program(name, width, height, elements), 'fast');
  rows.push({
    name,
    pes: `${width}x${height}`,
    elements,
    cycles,
    hops,
    wallMs,
    hopsPerSecond: (hops / wallMs) * 1000,
    peCyclesPerSecond: (peCycles / wallMs) * 1000,
  });
}
const plain = time(program('allreduce-ktree', 8, 8, 64), 'plain');
const fast = time(program('allreduce-ktree', 8, 8, 64), 'fast');
const alone = time(oneActiveRow(1, false), 'fast');
const among = time(oneActiveRow(256, false), 'fast');
const laidOut = time(oneActiveRow(256, true), 'fast');
const report = {
  card: { node: process.version, cpu: cpus()[0]?.model, rounds: ROUNDS },
  rows,
  plainOverFast: plain.wallMs / fast.wallMs,
  idle: {
    oneRowMs: alone.wallMs,
    oneOf256RowsMs: among.wallMs,
    ratio: among.wallMs / alone.wallMs,
    ratioWithAllRowsLaidOut: laidOut.wallMs / alone.wallMs,
  },
};
if (!process.argv.includes('--json')) {
  console.log(`${report.card.cpu}, Node ${report.card.node}, median of ${ROUNDS}; measured on this machine`);
  for (const { name, pes, elements, cycles, wallMs, hopsPerSecond, peCyclesPerSecond } of rows) {
    const rate = `${(hopsPerSecond / 1e6).toFixed(1)} M hops/s, ${(peCyclesPerSecond / 1e6).toFixed(1)} M PE-cycles/s`;
    console.log(
      `${name.padEnd(16)} ${pes.padEnd(8)} B ${String(elements).padEnd(6)} ${String(cycles).padStart(7)} cycles  ${wallMs.toFixed(1).padStart(8)} ms  ${rate}`,
    );
  }
  console.log(
    `the plain core takes ${report.plainOverFast.toFixed(1)} times as long (allreduce-ktree 8x8, B 64)`,
  );
  const { ratio, ratioWithAllRowsLaidOut } = report.idle;
  console.log(`one active row of 256 x 256 takes ${ratio.toFixed(2)} times the row alone`);
  console.log(`with all rows laid out and idle it takes ${ratioWithAllRowsLaidOut.toFixed(2)} times as long`);
}
console.log(JSON.stringify(report));
